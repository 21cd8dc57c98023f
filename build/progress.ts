/** One line for the person who is waiting, on stderr, so that it never mixes with results on stdout. */
export function progress(line: string): void {
  process.stderr.write(`• ${line}\n`);
}

/**
 * Says what is being done, does it, and says how long it took; a failure is passed on after a line that names the step.
 * @param what a short clause in the -ing form, for example "building QuickJS"
 */
export async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  progress(`${what} …`);
  const start = performance.now();
  const seconds = (): string => ((performance.now() - start) / 1000).toFixed(1);
  try {
    const result = await work();
    progress(`${what}: done in ${seconds()} s`);
    return result;
  } catch (error) {
    progress(`${what}: failed after ${seconds()} s`);
    throw error;
  }
}
