import { extendedResourceName } from '../core/api/names.ts';
import { nodeCapacity, wholeQuantity } from '../core/status/nodeCapacity.ts';
import type { KnownNetwork } from '../kube/clusterView.ts';
import { isNotFound } from '../kube/errors.ts';
import { nodes } from '../kube/resources.ts';
import type { LeaderContext } from './leaderContext.ts';
import { readableNetwork } from './readableNetwork.ts';

/** Quantities by resource name; null takes one off. */
type Patch = Record<string, string | null>;

/**
 * Keeps the extended resources multinic.fms.io/<network> of nodes. The kubelet leaves resources that no device plugin owns alone, except
 * that it sets them to 0 when it registers the node anew, which is seen and mended as any other difference. One merge patch a node.
 */
export class NodeCapacities {
  readonly #context: LeaderContext;

  constructor(context: LeaderContext) {
    this.#context = context;
  }

  /** Handles one node. */
  async reconcile(name: string, signal: AbortSignal): Promise<void> {
    const { informers, client } = this.#context;
    const node = informers.nodes.get(name);
    if (!node) return;
    const wanted = this.wanted(name);
    const capacity = difference(node.status?.capacity, wanted);
    const allocatable = difference(node.status?.allocatable, wanted);
    if (Object.keys(capacity).length === 0 && Object.keys(allocatable).length === 0) return;
    try {
      const patch = { status: { capacity, allocatable } };
      await client.patch(nodes, { name }, 'merge', patch, { subresource: 'status', signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Resource name → quantity; undefined for a network that cannot be read, whose resource stays as it is. */
  wanted(node: string): Map<string, number | undefined> {
    const { view, informers } = this.#context;
    const wanted = new Map<string, number | undefined>();
    for (const { metadata } of informers.networks.list()) {
      const resource = extendedResourceName(metadata.name);
      const read = readableNetwork(view, metadata.name);
      if (read.kind === 'unusable') wanted.set(resource, undefined);
      if (read.kind !== 'usable') continue;
      const count = this.capacity(read.known, node);
      if (count !== undefined) wanted.set(resource, count);
    }
    return wanted;
  }

  /** How many attachments of the network fit on the node. */
  capacity(known: KnownNetwork, node: string): number | undefined {
    const { view, surveys } = this.#context;
    const host = view.host(node);
    if (!host) return undefined;
    const { hostIndex, hostAddresses = [] } = view.nodeState(known, node);
    const { network, interfaces } = known.state;
    const members = surveys.members(network, host);
    // A range that all hosts share is an upper bound for one node anyway; without this each new host would change every node.
    const taken = network.nodeIndependent ? [] : [...hostAddresses];
    return nodeCapacity({ network, interfaces, members, hostIndex, hostAddresses: taken });
  }
}

/** What to change so that the node has exactly the wanted resources of ours. */
function difference(
  have: Readonly<Record<string, string>> | undefined,
  wanted: ReadonlyMap<string, number | undefined>,
): Patch {
  const patch: Patch = {};
  for (const name of Object.keys(have ?? {})) if (!wanted.has(name)) patch[name] = null;
  for (const [name, count] of wanted) {
    if (count !== undefined && wholeQuantity(have?.[name]) !== count) patch[name] = String(count);
  }
  return patch;
}
