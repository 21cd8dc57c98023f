import { AddressCounts } from '../../controller/context/addressCounts.ts';
import { createInformers, type LeaderInformers } from '../../controller/context/informers.ts';
import type { LeaderContext } from '../../controller/context/leaderContext.ts';
import { NetworkSurveys } from '../../controller/context/networkSurveys.ts';
import { UnreadablePools } from '../../controller/context/unreadablePools.ts';
import { defaultTimes } from '../../controller/controllerOptions.ts';
import { PageSweeper } from '../../controller/sweeps/pages.ts';
import { createSweeper } from '../../controller/sweeps/sweeper.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import type { ActorClient } from './actorClient.ts';
import { type Setting, silent } from './setting.ts';

export const { reservationMs } = defaultTimes;

/** One time of leading: the real sweeps on copies of its own, as often as the controller makes them. */
export class Leader {
  readonly client: ActorClient;
  readonly #context: LeaderContext;
  readonly #dying = new AbortController();

  constructor(client: ActorClient, setting: Setting) {
    this.client = client;
    const { networks, cidrs, hosts, namespaces, view } = setting;
    const informers: LeaderInformers = { ...createInformers(client, silent), networks, cidrs, hosts, namespaces };
    this.#context = {
      client,
      logger: silent,
      events: { record: () => undefined },
      informers,
      view,
      surveys: new NetworkSurveys(() => hosts.list()),
      pools: new PoolStore(client, { logger: silent, untracked: true }),
      addresses: new AddressCounts(informers),
      unreadable: new UnreadablePools(silent),
    };
  }

  /** Resolves when the sweeps begin. */
  async start(): Promise<void> {
    const { signal } = this.#dying;
    const { pools, nodes } = this.#context.informers;
    for (const informer of [pools, nodes]) void informer.start(signal);
    await Promise.all([pools.synced, nodes.synced]);
    const { sweepIntervalMs: intervalMs, recordGraceMs } = defaultTimes;
    void createSweeper(this.#context, { intervalMs, reservationMs, surplusMs: recordGraceMs }).start(signal);
    void new PageSweeper(this.#context, { intervalMs, recordGraceMs }).start(signal);
  }

  /** SIGKILL, or another replica leads from now on. */
  async kill(): Promise<void> {
    this.#dying.abort();
    await this.client.close();
  }
}
