/**
 * The points of ADD and DEL between which the agent may die with something half done. Each comes right after what its name
 * says. Tests end the process at every one of them and check how the next call deals with it.
 */
export const steps = [
  'add.decided',
  'add.delegate.noted',
  'add.delegate.called',
  'add.noted',
  'add.links',
  'add.pod',
  'add.host',
  'add.chain.noted',
  'add.chain.called',
  'add.done',
  'del.chain',
  'del.delegate',
  'del.pod',
  'del.host',
  'del.ipam',
  'del.moved',
  'del.forgotten',
  'status.waiting',
] as const;

export type Step = (typeof steps)[number];

/** Told of every step as it is reached. */
export type OnStep = (step: Step) => void;

/** The environment variable that tests set: a step, and which occurrence of it from 1, for example `add.delegate.called:2`. */
export const dieAtVariable = 'MULTI_NIC_DIE_AT';

/**
 * Ends the process, as SIGKILL does, when the step is reached that the text names.
 * @param text value of {@link dieAtVariable}; empty or undefined: never
 * @throws Error where it names no step
 */
export function dieAt(text: string | undefined): OnStep {
  if (text === undefined || text === '') return () => undefined;
  const [wanted = '', occurrence = '1'] = text.split(':');
  if (!steps.some(step => step === wanted))
    throw new Error(`${dieAtVariable}: ${text} is not a step (${steps.join(', ')})`);
  let left = Number(occurrence);
  return step => {
    if (step === wanted && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
