const secondMs = 1000;
/** Reviews a second from which on events have to wait: those of some ten pods. */
const busyFrom = 20;
const eventsWhileBusy = 4;
const eventsOtherwise = 20;

/** How many reviews come, counted in this second and the one before. */
export class Traffic {
  #second = 0;
  #count = 0;
  #before = 0;

  /** Counts a review. */
  note(now = performance.now()): void {
    this.#turn(now);
    this.#count++;
  }

  /** How many events to write per second: in a burst of pods the API server is left to the pods, and events follow later. */
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
