import type { Logger } from 'pino';
import { bandwidthResourceName, extendedResourceName, nicCountLabel } from '../../core/api/names.ts';
import type { Cidr, HostInterface, IPPool, MultiNicNetwork } from '../../core/api/types.ts';
import { stateOf } from '../../core/pool/record.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import * as resources from '../../kube/api/resources.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import { headOf } from '../../kube/watch/head.ts';
import { Informer, type InformerOptions } from '../../kube/watch/informer.ts';
import type { ReflectorObserver } from '../../kube/watch/reflector.ts';

/** What the leader watches. */
export interface LeaderInformers {
  networks: Informer<MultiNicNetwork>;
  hosts: Informer<HostInterface>;
  cidrs: Informer<Cidr>;
  pools: Informer<IPPool>;
  nodes: Informer<resources.Node>;
  namespaces: Informer<resources.Namespace>;
}

/** Makes the informers; they are started by the leader's session, each kept to what the reconcilers read. */
export function createInformers(client: KubeClient, logger: Logger, observer?: ReflectorObserver): LeaderInformers {
  const base = <T extends KubeObject>(resource: Resource<T>): InformerOptions<T> => {
    return { client, resource, logger, observer };
  };
  return {
    networks: new Informer(base(resources.multiNicNetworks)),
    hosts: new Informer(base(resources.hostInterfaces)),
    cidrs: new Informer(base(resources.cidrs)),
    pools: new Informer({ ...base(resources.ipPools), transform: trimPool }),
    nodes: new Informer({ ...base(resources.nodes), transform: trimNode }),
    namespaces: new Informer({ ...base(resources.namespaces), transform: trimNamespace }),
  };
}

/** Our resources and labels, taints, readiness and versions: a Node carries kilobytes of image names that nobody here reads. */
function trimNode(node: resources.Node): resources.Node {
  const { spec, status } = node;
  const { metadata, ...type } = headOf(node, 'creationTimestamp');
  const conditions = status?.conditions?.filter(({ type }) => type === 'Ready') ?? [];
  return {
    ...type,
    metadata: { ...metadata, labels: ours(node.metadata.labels) },
    ...(spec?.taints && { spec: { taints: spec.taints } }),
    status: {
      capacity: ours(status?.capacity),
      allocatable: ours(status?.allocatable),
      conditions,
      ...(status?.nodeInfo && { nodeInfo: status.nodeInfo }),
    },
  };
}

/** Counts, and of the records only those that the leader may release. */
function trimPool(pool: IPPool): IPPool {
  const { status } = pool;
  if (!status) return pool;
  const isNodes = pool.spec.hostName !== undefined;
  const live = status.allocations?.filter(record => stateOf(record) !== 'Released');
  if (!live) return pool;
  const allocations = isNodes ? live.filter(record => stateOf(record) === 'Reserved') : live;
  return { ...pool, status: { allocations, used: live.length } };
}

const prefixes = [extendedResourceName(''), bandwidthResourceName(''), nicCountLabel('')];

/** What is kept on nodes for the scheduler, of all their quantities or labels. */
function ours(entries: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(entries ?? {}).filter(([name]) => prefixes.some(prefix => name.startsWith(prefix))),
  );
}

function trimNamespace(namespace: resources.Namespace): resources.Namespace {
  return { ...namespace, ...headOf(namespace, 'deletionTimestamp') };
}
