import type { PackableOp } from './changes.ts';
import { compose, failureOf, type Refusal } from './compose.ts';
import type { MonitorGroup, Subscription } from './events.ts';
import { Monitor } from './monitor.ts';
import type { Request } from './protocol.ts';
import type { NetnsPath, Op, Outcome, ResultsOf } from './types.ts';
import { WorkerHost } from './worker-host.ts';

export { NetlinkError, NetlinkWorkerError } from './errors.ts';
export type * from './types.ts';

export interface NetlinkOptions {
  /**
   * The module that the worker thread runs; by default worker.ts beside this file, or in a bundle netlink-worker.js beside
   * the bundle. It may be any module that calls runNetlinkWorker where isNetlinkWorker.
   */
  readonly worker?: URL;
}

export interface RunOptions {
  /** Stops the batch before its next piece; the promise then rejects with the signal's reason once nothing more happens. */
  readonly signal?: AbortSignal;
}

/**
 * The kernel's network configuration (rtnetlink(7)) in any network namespace, one worker thread for all of it. Batches
 * are executed in the order of the calls.
 */
export class Netlink implements AsyncDisposable {
  readonly #host: WorkerHost;

  constructor(options: NetlinkOptions = {}) {
    this.#host = new WorkerHost(options.worker ?? defaultWorker());
  }

  /**
   * Executes the operations in order in one namespace (a path; null is the process's own) and returns their results in
   * the same order. Stops at the first failure whose name is not in the operation's `ignore` with a NetlinkError, which
   * tells which operation it was; what came before stays done.
   */
  run<const Ops extends readonly Op[]>(
    netns: NetnsPath | null,
    ops: Ops,
    options: RunOptions = {},
  ): Promise<ResultsOf<Ops>> {
    const run = { type: 'run', id: this.#host.nextId(), netns, ops } as const;
    return this.#ask(run, options) as Promise<unknown> as Promise<ResultsOf<Ops>>;
  }

  /** One operation: `run` with the result alone. */
  async one<const O extends Op>(netns: NetnsPath | null, op: O, options: RunOptions = {}): Promise<ResultsOf<[O]>[0]> {
    const [result] = await this.run(netns, [op], options);
    return result;
  }

  /**
   * Executes all changes although some may fail, and returns what became of each: for route tables, where one bad next hop
   * must not keep the other routes away. Links are given by index. Throws only where the namespace or the socket fails.
   */
  async runAll(netns: NetnsPath | null, ops: readonly PackableOp[], options: RunOptions = {}): Promise<Outcome[]> {
    const { requests, refusals } = compose(ops);
    const send = { type: 'send', id: this.#host.nextId(), netns, requests } as const;
    const refused = (await this.#ask(send, options)) as readonly Refusal[];
    const outcomes = ops.map(() => done);
    for (const refusal of [...refusals, ...refused]) {
      const op = ops[refusal.index];
      if (op) outcomes[refusal.index] = { done: false, failure: failureOf(op, refusal) };
    }
    return outcomes;
  }

  /** Listens to the kernel's events in a namespace. */
  monitor(
    netns: NetnsPath | null,
    groups: readonly MonitorGroup[],
    options: Omit<Subscription, 'groups'> = {},
  ): Promise<Monitor> {
    return Monitor.start(this.#host, netns, { groups, ...options });
  }

  /** Lets running batches finish, ends the monitors and the worker. */
  close(): Promise<void> {
    return this.#host.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #ask(request: Cancellable, { signal }: RunOptions): Promise<readonly unknown[]> {
    signal?.throwIfAborted();
    const cancel = signal === undefined ? null : new SharedArrayBuffer(4);
    const abort = (): void => {
      if (cancel !== null) Atomics.store(new Int32Array(cancel), 0, 1);
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await this.#host.ask({ ...request, cancel }, signal);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }
}

type Cancellable =
  Omit<Extract<Request, { type: 'run' }>, 'cancel'> | Omit<Extract<Request, { type: 'send' }>, 'cancel'>;

const done: Outcome = { done: true };

function defaultWorker(): URL {
  const here = import.meta.url;
  return new URL(here.endsWith('.ts') ? './worker.ts' : './netlink-worker.js', here);
}
