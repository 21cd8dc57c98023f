import type { MonitorEvent, Subscription } from './events.ts';

export type { MonitorEvent, MonitorGroup } from './events.ts';

/** The listener of a watch. */
export interface EventSink {
  readonly netns: string | null;
  readonly subscription: Subscription;
  receive(events: readonly MonitorEvent[]): void;
  /** No more events will come. */
  fail(error: Error): void;
}

/** Begins to listen, and resolves once the kernel queues events for the sink, with what ends that. */
export type Listen = (sink: EventSink) => Promise<() => void>;

/** More events than a burst of links coming and going; a reader further behind has to list again. */
const queueLimit = 16_384;

/**
 * The kernel's events of one namespace, in order, as an async iterable for one reader. Events begin when `Netlink.monitor`
 * has resolved, so listing after that misses nothing. It keeps no process alive. Ends, also for a reader that waits, with
 * `stop`; throws into the reader where the namespace cannot be listened to again after a restart.
 */
export class Monitor implements AsyncIterable<MonitorEvent>, AsyncDisposable, EventSink {
  readonly netns: string | null;
  readonly subscription: Subscription;
  #stopListening: () => void = () => undefined;
  #queue: MonitorEvent[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: Error | undefined;

  private constructor(netns: string | null, subscription: Subscription) {
    this.netns = netns;
    this.subscription = subscription;
  }

  /** Resolves once the kernel queues events. Throws what `listen` does. */
  static async start(netns: string | null, subscription: Subscription, listen: Listen): Promise<Monitor> {
    const monitor = new Monitor(netns, subscription);
    monitor.#stopListening = await listen(monitor);
    return monitor;
  }

  receive(events: readonly MonitorEvent[]): void {
    if (this.#ended) return;
    if (this.#queue.length + events.length > queueLimit) this.#queue = [{ type: 'resync', reason: 'slow-reader' }];
    else this.#queue.push(...events);
    this.#wake?.();
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#end();
  }

  stop(): void {
    this.#queue = [];
    this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    return Promise.resolve();
  }

  /** Leaving the loop stops the monitor. */
  async *[Symbol.asyncIterator](): AsyncGenerator<MonitorEvent, void, undefined> {
    try {
      for (;;) {
        const events = this.#queue;
        this.#queue = [];
        yield* events;
        if (this.#queue.length > 0) continue;
        if (this.#error !== undefined) throw this.#error;
        if (this.#ended) return;
        await new Promise<void>(resolve => (this.#wake = resolve));
        this.#wake = undefined;
      }
    } finally {
      this.stop();
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopListening();
    this.#wake?.();
  }
}
