import type { PackableOp } from './changes.ts';
import { compose, failureOf, type Composed, type Refusal } from './compose.ts';
import type { MonitorGroup, Subscription } from './events.ts';
import { NetlinkFacade } from './facade.ts';
import { Monitor } from './monitor.ts';
import type { RunOptions } from './netlink.ts';
import type { Request } from './protocol.ts';
import type { NetnsPath, Op, Outcome, Result } from './types.ts';
import { WorkerHost } from './worker-host.ts';

export interface KoffiNetlinkOptions {
  /**
   * The module that the worker thread runs; by default worker.ts beside this file, or in a bundle netlink-worker.js beside
   * the bundle. It may be any module that calls runNetlinkWorker where isNetlinkWorker.
   */
  readonly worker?: URL;
}

/** Netlink over sockets of its own, one worker thread for all of it. Importing this module throws where koffi has no build. */
export class KoffiNetlink extends NetlinkFacade {
  readonly backend = 'koffi';
  readonly #host: WorkerHost;

  constructor(options: KoffiNetlinkOptions = {}) {
    super();
    this.#host = new WorkerHost(options.worker ?? defaultWorker());
  }

  /** In pieces, so that the kernel is at one while the next is made, other batches need not wait for all, and few operations are held. */
  async runAll(netns: NetnsPath | null, ops: Iterable<PackableOp>, { signal }: RunOptions = {}): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    let sent = Promise.resolve();
    try {
      for (const piece of piecesOf(ops)) {
        const composed = compose(piece);
        await sent;
        sent = this.#send(netns, composed, signal).then(refusals => {
          outcomes.push(...outcomesOf(piece, refusals, outcomes.length));
        });
      }
    } finally {
      await sent;
    }
    return outcomes;
  }

  monitor(
    netns: NetnsPath | null,
    groups: readonly MonitorGroup[],
    options: Omit<Subscription, 'groups'> = {},
  ): Promise<Monitor> {
    return Monitor.start(this.#host, netns, { groups, ...options });
  }

  close(): Promise<void> {
    return this.#host.close();
  }

  protected execute(netns: NetnsPath | null, ops: readonly Op[], signal: AbortSignal | undefined): Promise<Result[]> {
    return this.#ask({ type: 'run', netns, ops }, signal) as Promise<Result[]>;
  }

  async #send(netns: NetnsPath | null, { requests, refusals }: Composed, signal?: AbortSignal): Promise<Refusal[]> {
    const refused = (await this.#ask({ type: 'send', netns, requests }, signal)) as readonly Refusal[];
    return [...refusals, ...refused];
  }

  async #ask(request: Cancellable, signal: AbortSignal | undefined): Promise<readonly unknown[]> {
    signal?.throwIfAborted();
    const cancel = signal === undefined ? null : new SharedArrayBuffer(4);
    const abort = (): void => {
      if (cancel !== null) Atomics.store(new Int32Array(cancel), 0, 1);
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await this.#host.ask({ ...request, id: this.#host.nextId(), cancel }, signal);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }
}

type Cancellable =
  Omit<Extract<Request, { type: 'run' }>, 'id' | 'cancel'> | Omit<Extract<Request, { type: 'send' }>, 'id' | 'cancel'>;

const done: Outcome = { done: true };
/** Operations that travel to the worker together: a few milliseconds of the kernel's time. */
const pieceLength = 2048;

function* piecesOf(ops: Iterable<PackableOp>): Generator<PackableOp[]> {
  let piece: PackableOp[] = [];
  for (const op of ops) {
    piece.push(op);
    if (piece.length < pieceLength) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

/** @param first how many operations went before the piece */
function outcomesOf(piece: readonly PackableOp[], refusals: readonly Refusal[], first: number): Outcome[] {
  const outcomes = piece.map(() => done);
  for (const refusal of refusals) {
    const op = piece[refusal.index];
    const index = first + refusal.index;
    if (op) outcomes[refusal.index] = { done: false, failure: failureOf(op, { ...refusal, index }) };
  }
  return outcomes;
}

function defaultWorker(): URL {
  const here = import.meta.url;
  return new URL(here.endsWith('.ts') ? './worker.ts' : './netlink-worker.js', here);
}
