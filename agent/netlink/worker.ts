import { closeSync, openSync } from 'node:fs';
import { isMainThread, parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { Batch, BatchCancelled, type BatchOptions } from './batch.ts';
import type { Refusal } from './compose.ts';
import { BatchFailure, toFailure } from './failure.ts';
import { workerMarker, type Reply, type Request } from './protocol.ts';
import { sendComposed } from './sendComposed.ts';
import { NetlinkSocket } from './socket.ts';
import { LostThreadError, ThreadNamespace } from './thread-namespace.ts';
import type { Result } from './types.ts';
import { Watcher } from './watcher.ts';

type RunRequest = Extract<Request, { type: 'run' }>;
type SendRequest = Extract<Request, { type: 'send' }>;
type WatchRequest = Extract<Request, { type: 'watch' }>;

/** The thread that does the system calls, one request after another. */
class NetlinkServer implements Disposable {
  readonly #port: MessagePort;
  readonly #namespace = new ThreadNamespace();
  readonly #watchers = new Map<number, Watcher>();
  /** Kept for the process's own namespace; other namespaces' sockets live as long as their batch. */
  #ownSocket: NetlinkSocket | undefined;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher[Symbol.dispose]();
    this.#watchers.clear();
    this.#dropOwnSocket();
    this.#namespace[Symbol.dispose]();
  }

  /** Answers one request. Only a LostThreadError comes out, after its answer. */
  handle(request: Exclude<Request, { type: 'stop' }>): void {
    if (request.type === 'unwatch') {
      this.#watchers.get(request.id)?.[Symbol.dispose]();
      this.#watchers.delete(request.id);
      return;
    }
    const { id } = request;
    try {
      const results = request.type === 'watch' ? this.#watch(request) : this.#change(request);
      this.#reply({ type: 'done', id, results });
    } catch (error) {
      // A batch may have left answers unread.
      this.#dropOwnSocket();
      if (error instanceof BatchCancelled) this.#reply({ type: 'cancelled', id });
      else if (error instanceof BatchFailure) this.#reply({ type: 'failed', id, failure: error.failure });
      else {
        this.#reply({ type: 'broken', id, message: error instanceof Error ? error.message : String(error) });
        if (error instanceof LostThreadError) throw error;
      }
    }
  }

  #change(request: RunRequest | SendRequest): Result[] | Refusal[] {
    const cancel = request.cancel === null ? undefined : new Int32Array(request.cancel);
    const cancelled = (): boolean => cancel !== undefined && Atomics.load(cancel, 0) !== 0;
    if (cancelled()) throw new BatchCancelled();
    const { netns } = request;
    if (netns === null) {
      this.#ownSocket ??= entering('own', () => new NetlinkSocket());
      return work(request, this.#ownSocket, { cancelled, within: run => run() });
    }
    return this.#inNamespace(netns, within => {
      using socket = entering(netns, () => within(() => new NetlinkSocket()));
      return work(request, socket, { cancelled, within });
    });
  }

  #watch({ id, netns, ...subscription }: WatchRequest): Result[] {
    const make = (): Watcher => new Watcher(subscription, events => this.#reply({ type: 'events', id, events }));
    const watcher =
      netns === null ? entering('own', make) : this.#inNamespace(netns, within => entering(netns, () => within(make)));
    this.#watchers.set(id, watcher);
    return [];
  }

  #inNamespace<T>(path: string, use: (within: <U>(work: () => U) => U) => T): T {
    const fd = entering(path, () => openSync(path, 'r'));
    try {
      return use(work => this.#namespace.within(fd, work));
    } finally {
      closeSync(fd);
    }
  }

  #dropOwnSocket(): void {
    this.#ownSocket?.[Symbol.dispose]();
    this.#ownSocket = undefined;
  }

  #reply(reply: Reply): void {
    this.#port.postMessage(reply);
  }
}

function work(request: RunRequest | SendRequest, socket: NetlinkSocket, options: BatchOptions): Result[] | Refusal[] {
  if (request.type === 'send') {
    const { buffer, byteOffset, byteLength } = request.requests;
    return sendComposed(socket, Buffer.from(buffer, byteOffset, byteLength), options.cancelled);
  }
  using batch = new Batch(socket, request.ops, options);
  return batch.run();
}

/** Names a failure to get into a namespace as such. */
function entering<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new BatchFailure(toFailure(error, -1, 'netns.enter', path), { cause: error });
  }
}

/**
 * Whether this thread was started by a Netlink object to be its worker. A program bundled into one file asks this
 * first, and calls runNetlinkWorker instead of its own main.
 */
export function isNetlinkWorker(): boolean {
  return !isMainThread && workerData === workerMarker;
}

/** Serves the main thread until it says stop. */
export function runNetlinkWorker(): void {
  if (parentPort === null) return;
  const port = parentPort;
  const server = new NetlinkServer(port);
  port.on('message', (request: Request) => {
    if (request.type === 'stop') {
      server[Symbol.dispose]();
      port.close();
      return;
    }
    try {
      server.handle(request);
    } catch {
      // Told to the main thread already. In a worker this ends the thread, not the process.
      process.exit(1);
    }
  });
}

if (isNetlinkWorker()) runNetlinkWorker();
