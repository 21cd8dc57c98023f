import { Worker } from 'node:worker_threads';
// Only the worker calls it. But the dynamic loader unmaps an addon with the last thread that loaded it, and closing handles
// of a thread that ends abruptly (process exit, out of memory) would then call code that is no longer there.
import './libc.ts';
import { NetlinkError, NetlinkWorkerError } from './errors.ts';
import type { EventSink, EventSource } from './monitor.ts';
import { workerMarker, type Reply, type Request } from './protocol.ts';

type Answerable = Extract<Request, { type: 'run' | 'send' | 'watch' }>;
type Results = Extract<Reply, { type: 'done' }>['results'];

interface Waiting {
  readonly request: Answerable;
  readonly settle: PromiseWithResolvers<Results>;
  readonly signal: AbortSignal | undefined;
}

/** Small heaps: what the worker holds is one batch at a time. The old space is a limit, not a reservation. */
const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 256, stackSizeMb: 1 };
/** A batch cannot be interrupted inside the kernel; after so long the thread is ended anyway. */
const stopTimeoutMs = 15_000;

/**
 * The main thread's side of the worker: starts it when there is something to do, replaces it when it dies, keeps the
 * process alive only while an answer is awaited.
 */
export class WorkerHost implements EventSource {
  readonly #entry: URL;
  readonly #waiting = new Map<number, Waiting>();
  readonly #sinks = new Map<number, EventSink>();
  #worker: Worker | undefined;
  #exited: Promise<unknown> = Promise.resolve();
  #nextId = 1;
  #closed = false;

  constructor(entry: URL) {
    this.#entry = entry;
  }

  nextId(): number {
    return this.#nextId++;
  }

  /** Rejects with NetlinkError, NetlinkWorkerError or the signal's reason. */
  ask(request: Answerable, signal?: AbortSignal): Promise<Results> {
    if (this.#closed) return Promise.reject(new NetlinkWorkerError('the netlink worker has been closed'));
    const settle = Promise.withResolvers<Results>();
    this.#waiting.set(request.id, { request, settle, signal });
    this.#post(request);
    this.#worker?.ref();
    return settle.promise;
  }

  /** Resolves once the kernel queues events for the sink. */
  async watch(id: number, sink: EventSink): Promise<void> {
    this.#sinks.set(id, sink);
    try {
      await this.ask({ type: 'watch', id, netns: sink.netns, ...sink.subscription });
    } catch (error) {
      this.#sinks.delete(id);
      throw error;
    }
  }

  unwatch(id: number): void {
    if (this.#sinks.delete(id)) this.#worker?.postMessage({ type: 'unwatch', id } satisfies Request);
  }

  /** Lets what has been asked finish, then ends the thread. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      for (const sink of this.#sinks.values()) sink.fail(new NetlinkWorkerError('the netlink worker has been closed'));
      this.#sinks.clear();
      this.#worker?.postMessage({ type: 'stop' } satisfies Request);
      this.#worker?.ref();
    }
    const worker = this.#worker;
    const timer = setTimeout(() => void worker?.terminate(), stopTimeoutMs);
    await this.#exited;
    clearTimeout(timer);
  }

  #post(request: Request): void {
    this.#worker ??= this.#start();
    // Copied, never handed over: what waits behind a batch that ends the thread is posted again.
    this.#worker.postMessage(request);
  }

  #start(): Worker {
    // Without the process's own flags, which may name another entry (--eval, --import).
    const worker = new Worker(this.#entry, {
      workerData: workerMarker,
      name: 'netlink',
      execArgv: [],
      resourceLimits,
    });
    const exited = Promise.withResolvers<undefined>();
    this.#exited = exited.promise;
    let cause: unknown;
    worker.on('message', (reply: Reply) => {
      this.#receive(reply);
    });
    worker.on('error', error => {
      cause = error;
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      this.#replace(cause);
      exited.resolve(undefined);
    });
    worker.unref();
    return worker;
  }

  #receive(reply: Reply): void {
    if (reply.type === 'events') {
      this.#sinks.get(reply.id)?.receive(reply.events);
      return;
    }
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0 && !this.#closed) this.#worker?.unref();
    const { request, settle, signal } = waiting;
    switch (reply.type) {
      case 'done':
        settle.resolve(reply.results);
        break;
      case 'failed':
        settle.reject(new NetlinkError(reply.failure, request.netns));
        break;
      case 'cancelled':
        settle.reject(signal?.reason ?? new NetlinkWorkerError('cancelled'));
        break;
      case 'broken':
        settle.reject(new NetlinkWorkerError(reply.message));
        break;
    }
  }

  /** After a thread's end: what it was at has failed, what waited behind goes to a new one, and so do the watches. */
  #replace(cause: unknown): void {
    const behind = [...this.#waiting.values()];
    const current = cause === undefined ? undefined : behind.shift();
    if (current !== undefined) {
      this.#waiting.delete(current.request.id);
      current.settle.reject(new NetlinkWorkerError('the netlink worker ended during the batch', { cause }));
    }
    if (this.#closed) {
      for (const { settle } of behind) settle.reject(new NetlinkWorkerError('the netlink worker has been closed'));
      this.#waiting.clear();
      return;
    }
    for (const [id, sink] of this.#sinks) if (!this.#waiting.has(id)) this.#renew(id, sink);
    for (const { request } of behind) this.#post(request);
    if (behind.length > 0) this.#worker?.ref();
  }

  #renew(id: number, sink: EventSink): void {
    this.watch(id, sink).then(
      () => {
        sink.receive([{ type: 'resync', reason: 'restart' }]);
      },
      (error: unknown) => {
        sink.fail(error instanceof Error ? error : new NetlinkWorkerError(String(error)));
      },
    );
  }
}
