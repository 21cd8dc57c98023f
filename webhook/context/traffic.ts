const secondMs = 1000;
/** Reviews a second from which on events wait: some ten pods. */
const busyFrom = 20;
const eventsWhileBusy = 4;
const eventsOtherwise = 20;

/** How many reviews come: counted for this second and the one before. */
export class Traffic {
  #second = 0;
  #count = 0;
  #before = 0;

  /** A review has come. */
  note(now = performance.now()): void {
    this.#turn(now);
    this.#count++;
  }

  /** Events to be written a second: in a burst of pods the API server is left to them, and the events follow. */
  eventsPerSecond(now = performance.now()): number {
    this.#turn(now);
    return Math.max(this.#count, this.#before) >= busyFrom ? eventsWhileBusy : eventsOtherwise;
  }

  #turn(now: number): void {
    const second = Math.floor(now / secondMs);
    if (second === this.#second) return;
    this.#before = second === this.#second + 1 ? this.#count : 0;
    this.#second = second;
    this.#count = 0;
  }
}
