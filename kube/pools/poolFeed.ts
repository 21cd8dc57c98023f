import type { Logger } from 'pino';
import { label } from '../../core/api/names.ts';
import type { IPPool } from '../../core/api/types.ts';
import type { KubeClient } from '../api/client.ts';
import { ipPools } from '../api/resources.ts';
import type { Runnable } from '../process/lifecycle.ts';
import { Reflector, type ReflectorObserver } from '../watch/reflector.ts';
import type { PoolStore } from './poolStore.ts';

export interface PoolFeedOptions {
  readonly client: Pick<KubeClient, 'watch' | 'latestVersion'>;
  readonly store: PoolStore;
  readonly logger: Logger;
  readonly observer?: ReflectorObserver | undefined;
}

/**
 * Tells a pool store what others write into nodes' pools, so that it need not read a pool before it writes it
 * (decision 36). There is no list at the start: the store reads each pool when it first takes from it.
 */
export class PoolFeed implements Runnable {
  readonly name = 'pool feed';
  readonly #options: PoolFeedOptions;

  constructor(options: PoolFeedOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { client, store, logger, observer } = this.#options;
    const changesOnly: Pick<KubeClient, 'list' | 'watch' | 'latestVersion'> = {
      list: async (resource, options = {}) => ({
        items: [],
        resourceVersion: await client.latestVersion(resource, options),
      }),
      watch: (resource, options) => client.watch(resource, options),
      latestVersion: (resource, options) => client.latestVersion(resource, options),
    };
    const options = {
      client: changesOnly,
      resource: ipPools,
      name: 'ippools of nodes',
      labelSelector: `!${label.page}`,
      logger,
      observer,
      transform: (pool: IPPool) => pool,
    };
    const reflector = new Reflector<IPPool>(options, {
      replace: () => {
        store.unfollow();
      },
      set: pool => {
        store.learn(pool);
      },
      delete: ({ metadata }) => {
        store.learnGone(metadata);
      },
    });
    await reflector.run(signal);
    store.unfollow();
  }
}
