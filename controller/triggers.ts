import { extendedResourceName } from '../core/api/names.ts';
import type { Cidr, HostInterface, IPPool, MultiNicNetwork } from '../core/api/types.ts';
import { sameInterfaces, sameNics, sameSpec } from '../core/network/versions.ts';
import { isOurs } from '../core/predecessor/objects.ts';
import type { Namespace, Node } from '../kube/api/resources.ts';
import { keyOf } from '../kube/api/types.ts';
import type { InformerHandlers } from '../kube/watch/informerHandlers.ts';
import type { LeaderContext } from './context/leaderContext.ts';
import type { ControllerTimes } from './controllerOptions.ts';
import { addNetwork, type Queues } from './queues.ts';
import { isActive } from './reconcilers/definitions.ts';

/**
 * Some link always fails or comes back among thousands, and pods always come and go. What such a change means for each network is summed up from all
 * hosts, in some 5 µs for each: after ten times as long, so that a tenth of the leader's time goes into it, which answers reviews, too.
 */
const restMsPerHost = 0.05;

type Watching = Pick<LeaderContext, 'informers' | 'view'>;

/**
 * Which change causes which reconciliation. Hosts come in bursts (a rack is switched on), and each concerns every network: reconciling
 * for hosts waits for `batchMs`, so that each network is handled once per burst. Pools change with every pod, and are not urgent.
 */
export function addTriggers(
  queues: Queues,
  context: Watching,
  { batchMs, statusIntervalMs }: Pick<ControllerTimes, 'batchMs' | 'statusIntervalMs'>,
): void {
  const { informers } = context;
  informers.networks.addHandlers(onNetworks(queues, context, batchMs));
  informers.hosts.addHandlers(onHosts(queues, context, batchMs));
  informers.cidrs.addHandlers(onPages(queues, context, batchMs));
  informers.nodes.addHandlers(onNodes(queues, context, batchMs));
  informers.pools.addHandlers(onPools(queues, context, statusIntervalMs));
  informers.namespaces.addHandlers(onNamespaces(queues, context, batchMs));
}

function onNetworks(queues: Queues, context: Watching, batchMs: number): InformerHandlers<MultiNicNetwork> {
  const sharing = (object: MultiNicNetwork): void => {
    for (const { other } of context.view.sharing(object)) addNetwork(queues, context, other.object.metadata.name);
  };
  const network = (object: MultiNicNetwork): void => {
    addNetwork(queues, context, object.metadata.name);
    sharing(object);
  };
  return {
    added: network,
    updated: (object, previous) => {
      if (!sameSpec(object, previous)) {
        network(object);
        sharing(previous);
      } else if (!sameInterfaces(object, previous)) {
        for (const { metadata } of context.informers.nodes.list()) queues.capacities.add(metadata.name);
      }
      queues.statuses.addAfter(object.metadata.name, batchMs);
    },
    deleted: network,
  };
}

function onHosts(queues: Queues, context: Watching, batchMs: number): InformerHandlers<HostInterface> {
  const capacity = ({ metadata }: HostInterface): void => {
    queues.capacities.addAfter(metadata.name, batchMs);
  };
  const host = (object: HostInterface): void => {
    capacity(object);
    for (const name of networkNames(context)) {
      queues.hostBlocks.addAfter(name, batchMs);
      queues.sriovObjects.addAfter(name, batchMs);
    }
  };
  return {
    added: host,
    updated: (object, previous) => {
      const isOfSpec = !sameSpec(object, previous);
      if (isOfSpec && !sameNics(object, previous)) {
        host(object);
        return;
      }
      // Of links' states, on which no host's place in a network depends, or of its conditions.
      if (isOfSpec) capacity(object);
      const waitMs = Math.max(batchMs, restMs(context));
      for (const name of networkNames(context)) queues.statuses.addAfter(name, waitMs);
    },
    deleted: host,
  };
}

function onPages(queues: Queues, context: Watching, batchMs: number): InformerHandlers<Cidr> {
  const page = (now: Cidr | undefined, before: Cidr | undefined): void => {
    const object = now ?? before;
    if (object && !isOurs(object)) {
      // The predecessor's, without which its network can be served.
      if (!now) addNetwork(queues, context, object.metadata.name);
      return;
    }
    for (const name of changedHosts(now, before)) queues.capacities.addAfter(name, batchMs);
    const name = object?.spec.network;
    if (name === undefined) return;
    queues.statuses.addAfter(name, batchMs);
    // Somebody else's change of a page, or ours: then there is nothing to do.
    queues.hostBlocks.addAfter(name, batchMs);
  };
  return {
    added: object => {
      page(object, undefined);
    },
    updated: page,
    deleted: object => {
      page(undefined, object);
    },
  };
}

function onNodes(queues: Queues, context: Watching, batchMs: number): InformerHandlers<Node> {
  return {
    added: ({ metadata }) => {
      queues.capacities.addAfter(metadata.name, batchMs);
      for (const name of networkNames(context)) queues.statuses.addAfter(name, batchMs);
    },
    updated: (node, previous) => {
      if (sameResources(node, previous)) return;
      queues.capacities.addAfter(node.metadata.name, batchMs);
      for (const name of networkNames(context)) {
        if (!sameResource(node, previous, extendedResourceName(name))) queues.statuses.addAfter(name, batchMs);
      }
    },
    deleted: () => {
      for (const name of networkNames(context)) queues.hostBlocks.addAfter(name, batchMs);
    },
  };
}

function onPools(queues: Queues, context: Watching, statusIntervalMs: number): InformerHandlers<IPPool> {
  const pool = (object: IPPool): void => {
    const { network } = object.spec;
    if (!isOurs(object) || !context.informers.networks.get(network)) return;
    queues.statuses.addAfter(network, Math.max(statusIntervalMs, restMs(context)));
  };
  return {
    added: pool,
    updated: (object, previous) => {
      if (object.status?.used !== previous.status?.used) pool(object);
    },
    deleted: pool,
  };
}

function onNamespaces(queues: Queues, context: Watching, batchMs: number): InformerHandlers<Namespace> {
  const namespace = ({ metadata }: Namespace): void => {
    for (const name of networkNames(context)) {
      queues.definitions.add(keyOf({ namespace: metadata.name, name }));
      queues.statuses.addAfter(name, batchMs);
    }
  };
  return {
    added: namespace,
    updated: (now, before) => {
      // Others change labels and annotations of thousands of namespaces all the time.
      if (isActive(now) !== isActive(before)) namespace(now);
    },
    deleted: namespace,
  };
}

function restMs({ informers: { hosts, networks } }: Watching): number {
  return restMsPerHost * hosts.size * networks.size;
}

function* networkNames({ informers }: Watching): Generator<string> {
  for (const { metadata } of informers.networks.list()) yield metadata.name;
}

function sameResources(a: Node, b: Node): boolean {
  const text = ({ status, metadata }: Node): string =>
    JSON.stringify([status?.capacity, status?.allocatable, metadata.labels]);
  return text(a) === text(b);
}

function sameResource(a: Node, b: Node, resource: string): boolean {
  return a.status?.allocatable?.[resource] === b.status?.allocatable?.[resource];
}

/** Hosts whose index is not the same in both. */
function changedHosts(now: Cidr | undefined, before: Cidr | undefined): string[] {
  const old = new Map(before?.spec.hosts.map(({ hostName, hostIndex }) => [hostName, hostIndex]));
  const changed: string[] = [];
  for (const { hostName, hostIndex } of now?.spec.hosts ?? []) {
    if (old.get(hostName) !== hostIndex) changed.push(hostName);
    old.delete(hostName);
  }
  return [...changed, ...old.keys()];
}
