import { Batch } from './batch.ts';
import { NetlinkFacade } from './facade.ts';
import { BatchFailure, type OnFailure, toFailure } from './failure.ts';
import type { EventSink } from './monitor.ts';
import { NetlinkSocket } from './socket.ts';
import { ThreadNamespace } from './threadNamespace.ts';
import type { NetnsPath, Op, Result } from './types.ts';
import { Watcher } from './watcher.ts';

/** Netlink over sockets of its own. Importing this module throws where koffi has no build. */
export class KoffiNetlink extends NetlinkFacade {
  readonly backend = 'koffi';
  readonly #thread = new ThreadNamespace();
  /** The one of the process's own namespace, kept between batches: making one takes as long as setting four routes. */
  #own: NetlinkSocket | undefined;

  protected async execute(
    netns: NetnsPath | null,
    ops: readonly Op[],
    onFailure: OnFailure,
    signal: AbortSignal | undefined,
  ): Promise<Result[]> {
    using place = entering(netns, () => this.#thread.open(netns));
    using ending = new DisposableStack();
    const kept = netns === null ? this.#takeOwn() : undefined;
    const socket = ending.use(kept ?? entering(netns, () => place.within(() => new NetlinkSocket())));
    using batch = new Batch(socket, ops, { onFailure, signal, within: work => place.within(work) });
    const results = await batch.run();
    if (netns === null) {
      ending.move();
      this.#own = socket;
    }
    return results;
  }

  /** The socket of a failed batch is closed with it: it may still hold answers. */
  #takeOwn(): NetlinkSocket | undefined {
    const own = this.#own;
    this.#own = undefined;
    return own;
  }

  protected listen(sink: EventSink): Promise<() => void> {
    const { netns } = sink;
    using place = entering(netns, () => this.#thread.open(netns));
    const watcher = entering(netns, () => place.within(() => new Watcher(sink)));
    return Promise.resolve(() => {
      watcher[Symbol.dispose]();
    });
  }

  protected async end(idle: Promise<unknown>): Promise<void> {
    await idle;
    this.#own?.[Symbol.dispose]();
    this.#thread[Symbol.dispose]();
  }
}

/** Names a failure to get into a namespace as such. */
function entering<T>(netns: NetnsPath | null, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new BatchFailure(toFailure(error, -1, 'netns.enter', netns ?? 'own'), { cause: error });
  }
}
