import type fc from 'fast-check';
import type { BindingTo, Creation } from './admissions.ts';
import type { Outcome } from './apiFront.ts';
import { expectSound, type History } from './history.ts';
import type { Model, ModelPod } from './model.ts';
import { type NodeName, nodeNames } from './setting.ts';
import type { ActorName } from './site.ts';

export type HistoryCommand = fc.AsyncCommand<Model, History>;

/** A step of a history: after it everything must be sound. */
abstract class Step implements HistoryCommand {
  /** Whether all that it begins ends before the next step. */
  protected readonly isWhole: boolean = false;

  check(model: Readonly<Model>): boolean {
    return this.isPossible(model);
  }

  async run(model: Model, history: History): Promise<void> {
    await this.act(model, history);
    if (this.isWhole) await history.site.settle();
    else await history.site.quiet();
    await expectSound(history, model);
  }

  protected abstract isPossible(model: Readonly<Model>): boolean;

  protected abstract act(model: Model, history: History): Promise<void> | void;
}

/** The i-th of those that there are, so that any number means one. */
function pick<T>(list: readonly T[], i: number): T | undefined {
  return list[i % Math.max(1, list.length)];
}

export class Create extends Step {
  readonly #what: Omit<Creation, 'copied'> & { copyOf: number | undefined };
  protected override readonly isWhole: boolean;

  constructor(what: Omit<Creation, 'copied'> & { copyOf: number | undefined }, isWhole: boolean) {
    super();
    this.#what = what;
    this.isWhole = isWhole;
  }

  protected override isPossible(): boolean {
    return true;
  }

  protected act(model: Model, { site, operations }: History): void {
    const { copyOf, ...what } = this.#what;
    const copied = copyOf === undefined ? undefined : pick([...model.pods.values()], copyOf);
    site.begin('create', async () => void (await operations.create({ ...what, copied })));
  }

  override toString(): string {
    const { kind, node, by, isReinvoked, refusedAfter, dryRun, copyOf, isSuccessor } = this.#what;
    const more = [
      isReinvoked && 'reinvoked',
      isSuccessor && 'successor',
      refusedAfter !== 'nothing' && `refused after ${refusedAfter}`,
      dryRun && 'dry',
    ];
    const copy = copyOf === undefined ? '' : ` copy of ${copyOf}`;
    return `create(${kind}${copy} ${node} by ${by.join()} ${more.filter(Boolean).join(' ')})${this.isWhole ? '' : '…'}`;
  }
}

export class Bind extends Step {
  readonly #pod: number;
  readonly #what: BindingTo;
  protected override readonly isWhole: boolean;

  constructor(pod: number, what: BindingTo, isWhole: boolean) {
    super();
    this.#pod = pod;
    this.#what = what;
    this.isWhole = isWhole;
  }

  protected override isPossible(model: Readonly<Model>): boolean {
    return model.unbound().length > 0 && model.node(this.#what.node).isUp;
  }

  protected act(model: Model, { site, operations }: History): void {
    const pod = pick(model.unbound(), this.#pod);
    if (pod) site.begin('bind', async () => void (await operations.bind(pod, this.#what)));
  }

  override toString(): string {
    const { node, by, isTwice, isRefused, dryRun } = this.#what;
    const more = [isTwice && 'twice', isRefused && 'refused', dryRun && 'dry'].filter(Boolean).join(' ');
    return `bind(${this.#pod} to ${node} by ${by.join()} ${more})${this.isWhole ? '' : '…'}`;
  }
}

/** What is done to one pod of those to which it can be done. */
export class OnPod extends Step {
  readonly #name: string;
  readonly #of: (model: Readonly<Model>) => ModelPod[];
  readonly #pod: number;
  readonly #work: (history: History, pod: ModelPod) => Promise<void>;
  protected override readonly isWhole: boolean;

  constructor(
    name: string,
    of: (model: Readonly<Model>) => ModelPod[],
    pod: number,
    work: (history: History, pod: ModelPod) => Promise<void>,
    isWhole = true,
  ) {
    super();
    this.#name = name;
    this.#of = of;
    this.#pod = pod;
    this.#work = work;
    this.isWhole = isWhole;
  }

  protected override isPossible(model: Readonly<Model>): boolean {
    return this.#of(model).length > 0;
  }

  protected act(model: Model, history: History): void {
    const pod = pick(this.#of(model), this.#pod);
    if (pod) history.site.begin(this.#name, () => this.#work(history, pod));
  }

  override toString(): string {
    return `${this.#name}(${this.#pod})${this.isWhole ? '' : '…'}`;
  }
}

/** What takes no parts, and is possible or not. */
class Simple extends Step {
  readonly #name: string;
  readonly #isPossibleIn: (model: Readonly<Model>) => boolean;
  readonly #work: (history: History) => Promise<void> | void;

  constructor(
    name: string,
    isPossible: (model: Readonly<Model>) => boolean,
    work: (history: History) => Promise<void> | void,
  ) {
    super();
    this.#name = name;
    this.#isPossibleIn = isPossible;
    this.#work = work;
  }

  protected override isPossible(model: Readonly<Model>): boolean {
    return this.#isPossibleIn(model);
  }

  protected act(_model: Model, history: History): Promise<void> | void {
    return this.#work(history);
  }

  override toString(): string {
    return this.#name;
  }
}

const always = (): boolean => true;

export function answer(ends: readonly { which: number; outcome: Outcome; staleBy: number }[]): HistoryCommand {
  const text = ends
    .map(({ which, outcome, staleBy }) => `${which} ${outcome}${staleBy > 0 ? ` -${staleBy}` : ''}`)
    .join(', ');
  return new Simple(`answer(${text})`, always, async ({ site }) => {
    for (const { which, outcome, staleBy } of ends) {
      await site.quiet();
      const request = pick(site.parked, which);
      if (request) await site.answer(request, outcome, staleBy);
    }
  });
}

export function advance(ms: number, isServed: boolean): HistoryCommand {
  return new Simple(`advance(${ms}${isServed ? '' : ', nothing answered'})`, always, ({ site }) =>
    site.advance(ms, isServed),
  );
}

export function kill(actor: ActorName): HistoryCommand {
  const isThere = (model: Readonly<Model>): boolean =>
    !nodeNames.includes(actor as NodeName) || model.node(actor as NodeName).isUp;
  return new Simple(`kill(${actor})`, isThere, ({ site }) => site.restart(actor));
}

export function hold(actor: ActorName, isHeld: boolean): HistoryCommand {
  return new Simple(`${isHeld ? 'hold' : 'let go'}(${actor})`, always, ({ site }) => {
    const client = site.clientOf(actor);
    if (client) client.isHeld = isHeld;
  });
}

export function onNode(node: NodeName, what: 'reap' | 'cut off' | 'heal' | 'remove' | 'add'): HistoryCommand {
  const is = (model: Readonly<Model>): { isUp: boolean; isCut: boolean } => model.node(node);
  const all: Record<typeof what, [(model: Readonly<Model>) => boolean, (history: History) => Promise<void> | void]> = {
    reap: [m => m.works(node), ({ operations }) => operations.reap(node)],
    'cut off': [m => m.works(node), ({ operations }) => operations.cutOff(node)],
    heal: [m => is(m).isCut, ({ operations }) => operations.heal(node)],
    remove: [m => is(m).isUp, ({ operations }) => operations.removeNode(node)],
    add: [m => !is(m).isUp, ({ operations }) => operations.addNode(node)],
  };
  const [isPossible, work] = all[what];
  return new Simple(`${what}(${node})`, isPossible, work);
}
