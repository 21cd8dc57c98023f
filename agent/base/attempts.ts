/** Work that goes on after failures, the first of which is thrown in the end. */
export class Attempts {
  readonly failures: unknown[] = [];

  /** Does the work, and notes its failure. */
  async run(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.failures.push(error);
    }
  }

  /** @throws the first failure, if there was any */
  throwFirst(): void {
    if (this.failures.length > 0) throw this.failures[0];
  }
}
