import type { Logger } from 'pino';
import type { KubeClient } from '../../kube/api/client.ts';
import type { PoolStore } from '../../kube/pools/poolStore.ts';
import type { EventRecorder } from '../../kube/report/events.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { AddressCounts } from './addressCounts.ts';
import type { LeaderInformers } from './informers.ts';
import type { NetworkSurveys } from './networkSurveys.ts';
import type { UnreadablePools } from './unreadablePools.ts';

/** What every reconciler works with, for one term of the leader. */
export interface LeaderContext {
  client: KubeClient;
  logger: Logger;
  events: Pick<EventRecorder, 'record'>;
  informers: LeaderInformers;
  view: ClusterView;
  surveys: NetworkSurveys;
  pools: PoolStore;
  addresses: AddressCounts;
  unreadable: UnreadablePools;
}
