import { messageOf } from '../../core/errors.ts';
import manifest from '../../package.json' with { type: 'json' };

/** A program of ours, as its user sees it. */
export interface Program<Flags> {
  readonly name: string;
  /** What `--help` prints. */
  readonly help: string;
  /** Where somebody with a wrong command line reads on; an image has no shell to ask for the help in. */
  readonly see: string;
  /** @returns undefined where help is asked for. @throws Error with what is wrong with which flag */
  readonly parseFlags: (args: readonly string[]) => Flags | undefined;
}

/**
 * Runs this process's program as its command line says, or answers `--help` and `--version`. What is wrong with the command line is told in two lines: a
 * stack, or the whole help, would bury it in the log of a pod.
 */
export async function runProgram<Flags>(program: Program<Flags>, run: (flags: Flags) => Promise<void>): Promise<void> {
  const flags = readFlags(program);
  if (!flags) return;
  try {
    await run(flags);
  } catch (error) {
    // Not what Node would print: in an image the line of source that it shows first is the whole program.
    process.stderr.write(
      `${program.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exit(1);
  }
}

function readFlags<Flags>({ name, help, see, parseFlags }: Program<Flags>): Flags | undefined {
  const args = process.argv.slice(2);
  if (args[0] === '--version') {
    process.stdout.write(`${name} ${manifest.version}\n`);
    return undefined;
  }
  try {
    const flags = parseFlags(args);
    if (!flags) process.stdout.write(help);
    return flags;
  } catch (error) {
    // Node goes on with how arguments that begin with a dash could be given, of which no program of ours has any.
    const what = messageOf(error).replace(/ To specify a positional argument .*/s, '');
    process.stderr.write(`${name}: ${what}\nSee ${see}.\n`);
    process.exitCode = 2;
    return undefined;
  }
}

/** The value of a flag. @throws RangeError that names the flag */
export function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new RangeError(`${flag} must be a whole number from ${least} to ${most}, not "${text}"`);
}
