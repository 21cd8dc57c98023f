import { bootUml } from './boot.ts';

/** Whether User-Mode Linux runs here; if not, why not, in words for a person. */
export type UmlProbe = { readonly runs: true } | { readonly runs: false; readonly reason: string };

let probed: Promise<UmlProbe> | undefined;

/** Fetches User-Mode Linux where it is not in the cache, and boots it once in this process's life to see whether it runs. */
function probeUml(): Promise<UmlProbe> {
  probed ??= probe();
  return probed;
}

async function probe(): Promise<UmlProbe> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return {
      runs: false,
      reason: `Debian has User-Mode Linux for linux/x64 only; this is ${process.platform}/${process.arch}`,
    };
  }
  try {
    const { exitCode, output } = await bootUml({ command: ['ip', 'link', 'show', 'lo'], timeoutS: 60 });
    if (exitCode === 0) return { runs: true };
    const advice = exitCode === 127 ? 'it needs iproute2 (apt-get install iproute2)' : `ip ended with ${exitCode}`;
    return { runs: false, reason: `User-Mode Linux boots, but ${advice}:\n${output}` };
  } catch (error) {
    return { runs: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * For a suite's `before`: skips the suite where User-Mode Linux cannot run, saying why, and fails where it must (in CI: variable CI).
 * @param skip mocha's `this.skip`
 */
export async function requireUml(skip: () => void): Promise<void> {
  const result = await probeUml();
  if (result.runs) return;
  const message = `User-Mode Linux cannot run here: ${result.reason}`;
  if (process.env.CI !== undefined && process.env.CI !== '') throw new Error(message);
  process.stderr.write(`• skipped: ${message}\n`);
  skip();
}
