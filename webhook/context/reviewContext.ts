import type { Logger } from 'pino';
import type { DeviceClass } from '../../core/api/types.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import type { Namespace, Pod } from '../../kube/api/resources.ts';
import type { PoolStore } from '../../kube/pools/poolStore.ts';
import type { EventRecorder } from '../../kube/report/events.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { HostProfiles } from '../../kube/view/hostProfiles.ts';
import type { ObjectCache } from '../../kube/watch/objectCache.ts';
import type { Quotas } from './quotas.ts';
import type { ReadyReservations } from './readyReservations.ts';
import type { ReleasePatience } from './releasePatience.ts';
import type { Reservations } from './reservations.ts';

/** What reviews need of the cluster. */
export interface ReviewContext {
  client: KubeClient;
  view: ClusterView;
  store: PoolStore;
  namespaces: ObjectCache<Namespace>;
  deviceClasses: ObjectCache<DeviceClass>;
  /** What the nodes have of each network. */
  profiles: HostProfiles;
  quotas: Quotas;
  /** Shared by all reviews: how many wait is counted over all of them. */
  releases: ReleasePatience;
  reservations: Reservations;
  /** Reservations that were made before their pods came. */
  ready: ReadyReservations;
  events: Pick<EventRecorder, 'record'>;
  /** Injected pods that have no node yet. */
  unassignedPods: ObjectCache<Pod>;
  logger: Logger;
}
