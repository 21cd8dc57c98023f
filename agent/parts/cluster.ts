import { component } from '../../core/api/names.ts';
import type { Cidr, HostInterface, MultiNicNetwork } from '../../core/api/types.ts';
import { cidrs, hostInterfaces, multiNicNetworks } from '../../kube/api/resources.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import { EventRecorder } from '../../kube/report/events.ts';
import { ClusterView } from '../../kube/view/clusterView.ts';
import { Informer } from '../../kube/watch/informer.ts';
import { hostTrimmer } from '../copies/hostTrimmer.ts';
import { PodSource } from '../copies/podSource.ts';
import { PoolRecords } from '../copies/poolRecords.ts';
import type { AgentSetup } from './setup.ts';

/** What the agent knows of the cluster, and reports to it. */
export interface ClusterParts {
  readonly sources: {
    readonly networks: Informer<MultiNicNetwork>;
    readonly cidrs: Informer<Cidr>;
    readonly hosts: Informer<HostInterface>;
  };
  readonly view: ClusterView;
  readonly pods: PodSource;
  readonly store: PoolStore;
  readonly records: PoolRecords;
  readonly events: EventRecorder;
}

/** Makes the parts that know the cluster. Nothing runs before their start(). */
export function clusterParts({ client, logger, options, informers: observer }: AgentSetup): ClusterParts {
  const node = options.nodeName;
  const inform = <T extends KubeObject>(resource: Resource<T>, transform?: (object: T) => T): Informer<T> =>
    new Informer<T>({ client, resource, logger, listFromCache: true, observer, transform });
  const sources = {
    networks: inform<MultiNicNetwork>(multiNicNetworks),
    cidrs: inform<Cidr>(cidrs),
    hosts: inform<HostInterface>(hostInterfaces, hostTrimmer(node)),
  };
  const view = new ClusterView(sources, logger);
  const store = new PoolStore(client, { logger });
  return {
    sources,
    view,
    pods: new PodSource({ client, node, logger, observer }),
    store,
    records: new PoolRecords({ client, view, store, node, logger, observer }),
    events: new EventRecorder({ client, logger, component: component.agent, instance: node }),
  };
}
