/** The API server's wall clock, as the Date of its answers tells it (RFC 9110 §6.6.1, whole seconds); ours before the first. */
export class ServerClock {
  #heard: { date: number; at: number } | undefined;

  /** @param date the header of an answer that has just come */
  hear(date: string | undefined): void {
    const ms = Date.parse(date ?? '');
    if (Number.isFinite(ms)) this.#heard = { date: ms, at: performance.now() };
  }

  now(): Date {
    if (!this.#heard) return new Date();
    return new Date(this.#heard.date + performance.now() - this.#heard.at);
  }
}
