import { KubeClient } from '../../kube/api/client.ts';
import type { WatchOptions } from '../../kube/api/clientOptions.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import type { WatchEvent } from '../../kube/api/watchEvents.ts';
import { actorPrefix } from './apiFront.ts';
import type { EventLog } from './eventLog.ts';

/** The client of one process: its calls go over HTTP, its watches read the log of events, as far as they are let. */
export class ActorClient extends KubeClient {
  readonly #log: EventLog;
  readonly #closing = new AbortController();
  #isHeld = false;

  constructor(server: string, name: string, log: EventLog) {
    super(
      { server, credentials: () => Promise.resolve({ headers: {}, tls: {} }) },
      { userAgent: `${actorPrefix}${name}`, maxConnections: 32 },
    );
    this.#log = log;
  }

  /** Whether its watches lag: no event comes until this is false again. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  set isHeld(held: boolean) {
    this.#isHeld = held;
    if (!held) this.#log.wake();
  }

  override watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void> {
    const signal = options.signal ? AbortSignal.any([options.signal, this.#closing.signal]) : this.#closing.signal;
    const { resourceVersion } = options;
    return this.#log.watch(resource.plural, options, { resourceVersion, isHeld: () => this.#isHeld, signal });
  }

  override async close(): Promise<void> {
    this.#closing.abort();
    await super.close();
  }
}
