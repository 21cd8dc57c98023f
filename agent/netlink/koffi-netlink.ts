import { Batch } from './batch.ts';
import { NetlinkFacade } from './facade.ts';
import { BatchFailure, toFailure, type OnFailure } from './failure.ts';
import type { EventSink } from './monitor.ts';
import { NetlinkSocket } from './socket.ts';
import { ThreadNamespace } from './thread-namespace.ts';
import type { NetnsPath, Op, Result } from './types.ts';
import { Watcher } from './watcher.ts';

/** Netlink over sockets of its own. Importing this module throws where koffi has no build. */
export class KoffiNetlink extends NetlinkFacade {
  readonly backend = 'koffi';
  readonly #thread = new ThreadNamespace();

  protected async execute(
    netns: NetnsPath | null,
    ops: readonly Op[],
    onFailure: OnFailure,
    signal: AbortSignal | undefined,
  ): Promise<Result[]> {
    using place = entering(netns, () => this.#thread.open(netns));
    using socket = entering(netns, () => place.within(() => new NetlinkSocket()));
    using batch = new Batch(socket, ops, { onFailure, signal, within: work => place.within(work) });
    return await batch.run();
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
