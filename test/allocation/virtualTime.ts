/** A timer that is due at some virtual time; it looks like Node's own to whoever calls unref() on it. */
class VirtualTimer {
  readonly #time: VirtualTime;
  readonly repeatMs: number | undefined;
  readonly run: () => void;
  due: number;

  constructor(time: VirtualTime, run: () => void, due: number, repeatMs?: number) {
    this.#time = time;
    this.run = run;
    this.due = due;
    this.repeatMs = repeatMs;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  [Symbol.dispose](): void {
    this.#time.clear(this);
  }
}

type Globals = Pick<typeof globalThis, 'setTimeout' | 'clearTimeout' | 'setInterval' | 'clearInterval' | 'Date'>;

/**
 * Time that passes only when it is told to, and numbers that are random by a seed: what the code under test reads of the clock, of timers
 * and of Math.random. Node's own modules keep the real ones, so sockets work as ever.
 */
export class VirtualTime {
  readonly #timers = new Set<VirtualTimer>();
  readonly #startMs: number;
  #elapsedMs = 0;
  #random: number;
  #restore: (() => void) | undefined;

  constructor(startMs: number, seed: number) {
    this.#startMs = startMs;
    this.#random = seed >>> 0;
  }

  /** Milliseconds since the epoch. */
  get now(): number {
    return this.#startMs + this.#elapsedMs;
  }

  /** When the next timer is due; undefined where there is none. */
  get nextDue(): number | undefined {
    return this.#next()?.due;
  }

  install(): void {
    const { setTimeout, clearTimeout, setInterval, clearInterval, Date: RealDate } = globalThis;
    const { random } = Math;
    const now = (): number => this.now;
    const later = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): VirtualTimer =>
      this.#add(new VirtualTimer(this, () => run(...args), this.now + Math.max(0, ms)));
    const again = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): VirtualTimer =>
      this.#add(new VirtualTimer(this, () => run(...args), this.now + ms, Math.max(1, ms)));
    const clear = (timer: unknown): void => {
      if (timer instanceof VirtualTimer) this.clear(timer);
      else clearTimeout(timer as NodeJS.Timeout);
    };
    class VirtualDate extends RealDate {
      constructor(...args: unknown[]) {
        super(...((args.length > 0 ? args : [now()]) as [number]));
      }
      static override now(): number {
        return now();
      }
    }
    const virtual = {
      setTimeout: later,
      clearTimeout: clear,
      setInterval: again,
      clearInterval: clear,
      Date: VirtualDate,
    };
    Object.assign(globalThis, virtual as unknown as Globals);
    Object.defineProperty(performance, 'now', { value: () => this.#elapsedMs, configurable: true });
    Math.random = () => this.#nextRandom();
    this.#restore = () => {
      Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval, Date: RealDate });
      Reflect.deleteProperty(performance, 'now');
      Math.random = random;
    };
  }

  uninstall(): void {
    this.#restore?.();
    this.#restore = undefined;
    this.#timers.clear();
  }

  clear(timer: VirtualTimer): void {
    this.#timers.delete(timer);
  }

  /** Moves on to the next timer and runs it, unless it is due later than `until`. @returns whether there was one */
  step(until: number): boolean {
    const timer = this.#next();
    if (!timer || timer.due > until) return false;
    this.#elapsedMs = Math.max(this.#elapsedMs, timer.due - this.#startMs);
    if (timer.repeatMs === undefined) this.#timers.delete(timer);
    else timer.due = this.now + timer.repeatMs;
    timer.run();
    return true;
  }

  /** Moves the clock on; no timer may be due before. */
  moveTo(ms: number): void {
    this.#elapsedMs = Math.max(this.#elapsedMs, ms - this.#startMs);
  }

  #add(timer: VirtualTimer): VirtualTimer {
    this.#timers.add(timer);
    return timer;
  }

  /** Of timers that are due at once the one that was made first. */
  #next(): VirtualTimer | undefined {
    let next: VirtualTimer | undefined;
    for (const timer of this.#timers) if (!next || timer.due < next.due) next = timer;
    return next;
  }

  /** mulberry32 (Tommy Ettinger, public domain). */
  #nextRandom(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }
}
