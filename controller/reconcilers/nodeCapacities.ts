import { bandwidthResourceName, extendedResourceName, label, nicCountLabel } from '../../core/api/names.ts';
import { defined } from '../../core/defined.ts';
import { candidatesOf } from '../../core/selection/candidates.ts';
import { nodeBandwidth, nodeCapacity, usableNics, wholeQuantity } from '../../core/status/nodeCapacity.ts';
import {
  claimsOf,
  keepClaimed,
  type NodeClaims,
  type NodeShares,
  type Quantities,
  takesFrom,
} from '../../core/status/nodeClaims.ts';
import { isNotFound } from '../../kube/api/errors.ts';
import { type Node, nodes, pods } from '../../kube/api/resources.ts';
import type { WorkResult } from '../../kube/process/workQueue.ts';
import type { KnownNetwork } from '../../kube/view/clusterView.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { readableNetwork } from '../context/readableNetwork.ts';

/** Quantities by name; null removes one. */
type Patch = Record<string, string | null>;

/**
 * Keeps what the scheduler knows of networks on nodes: the extended resources multinic.fms.io/<network> (addresses) and
 * mbps.multinic.fms.io/<network> (bandwidth), and the label nics.multinic.fms.io/<network> (usable NICs). The kubelet leaves resources that
 * no device plugin owns alone, except that it sets them to 0 when it registers the node again, which is noticed and corrected like any other
 * difference. One merge patch per node.
 *
 * Nothing that a node's pods have claimed is taken from it (see keepClaimed): links go down, and kubelets are restarted. For the same reason a
 * node with nothing left of a resource does not have it at all, instead of 0, which is the same to the scheduler.
 */
export class NodeCapacities {
  readonly #context: LeaderContext;
  readonly #keptMs: number;

  /** @param keptMs after how long a node that keeps more only for its pods' sake is looked at again, ms: they may be gone */
  constructor(context: LeaderContext, keptMs: number) {
    this.#context = context;
    this.#keptMs = keptMs;
  }

  /** Handles one node. */
  async reconcile(name: string, signal: AbortSignal): Promise<WorkResult> {
    const { informers, client } = this.#context;
    const node = informers.nodes.get(name);
    if (!node) return {};
    const wanted = this.wanted(name);
    const has = sharesOf(node);
    const isKept = takesFrom(has, wanted) && keepClaimed(wanted, has, await this.#claims(name, signal));
    const result = isKept ? { requeueAfterMs: this.#keptMs } : {};
    const { resources, labels } = wanted;
    const metadata = { labels: difference(node.metadata.labels, labels) };
    const capacity = difference(node.status?.capacity, resources);
    const allocatable = difference(node.status?.allocatable, resources);
    if ([metadata.labels, capacity, allocatable].every(isEmpty)) return result;
    try {
      // Of a Node the status carries its labels, too (k8s.io/kubernetes pkg/registry/core/node, nodeStatusStrategy keeps the spec only).
      const patch = { metadata, status: { capacity, allocatable } };
      await client.patch(nodes, { name }, 'merge', patch, { subresource: 'status', signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return result;
  }

  /** Only of the injected pods: whatever others ask for, it is not because of us. */
  async #claims(node: string, signal: AbortSignal): Promise<NodeClaims> {
    const { items } = await this.#context.client.list(pods, {
      fieldSelector: `spec.nodeName=${node}`,
      labelSelector: `${label.injected}=true`,
      // Found by node in the API server's cache.
      resourceVersion: '0',
      signal,
    });
    return claimsOf(items);
  }

  /** What the node should have. A network with `schedulerResources: false` has nothing. */
  wanted(node: string): NodeShares {
    const { view, informers } = this.#context;
    const resources: Quantities = new Map();
    const labels: Quantities = new Map();
    for (const { metadata, spec } of informers.networks.list()) {
      if (spec.schedulerResources === false) continue;
      const { name } = metadata;
      const read = readableNetwork(view, name);
      if (read.kind !== 'usable' && read.kind !== 'unusable') continue;
      const known = read.kind === 'usable' ? this.#share(read.known, node) : undefined;
      const set = (into: Quantities, key: string, quantity: number | undefined): void => {
        if (!known || quantity !== undefined) into.set(key, quantity);
      };
      set(resources, extendedResourceName(name), unlessNone(known?.addresses));
      set(resources, bandwidthResourceName(name), unlessNone(known?.mbps));
      set(labels, nicCountLabel(name), known?.nics);
    }
    return { resources, labels };
  }

  #share(known: KnownNetwork, node: string): { addresses?: number; mbps?: number; nics?: number } {
    const { view, surveys } = this.#context;
    const host = view.host(node);
    if (!host) return {};
    const { network } = known.state;
    const nics = candidatesOf(network, host.spec, surveys.members(network, host));
    return defined({
      addresses: this.capacity(known, node),
      mbps: nodeBandwidth(network, nics),
      nics: nics.length > 0 ? usableNics(nics) : undefined,
    });
  }

  /** How many attachments of the network fit on the node. */
  capacity(known: KnownNetwork, node: string): number | undefined {
    const { view, surveys } = this.#context;
    const host = view.host(node);
    if (!host) return undefined;
    const { hostIndex, hostAddresses } = view.nodeState(known, node);
    const { network, interfaces } = known.state;
    const members = surveys.members(network, host);
    // A range that all hosts share is an upper bound for one node anyway; without this each new host would change every node.
    const taken = network.nodeIndependent ? undefined : hostAddresses;
    return nodeCapacity({ network, interfaces, members, hostIndex, hostAddresses: taken });
  }
}

function unlessNone(quantity: number | undefined): number | undefined {
  return quantity === 0 ? undefined : quantity;
}

function sharesOf({ status, metadata }: Node): NodeShares {
  const counts = (texts: Readonly<Record<string, string>> = {}): Quantities =>
    new Map(Object.entries(texts).map(([name, text]) => [name, wholeQuantity(text)]));
  return { resources: counts(status?.allocatable), labels: counts(metadata.labels) };
}

/** The changes after which the node has exactly the wanted quantities of ours. */
function difference(have: Readonly<Record<string, string>> | undefined, wanted: Quantities): Patch {
  const patch: Patch = {};
  for (const name of Object.keys(have ?? {})) if (!wanted.has(name)) patch[name] = null;
  for (const [name, count] of wanted) {
    if (count !== undefined && wholeQuantity(have?.[name]) !== count) patch[name] = String(count);
  }
  return patch;
}

function isEmpty(patch: Patch): boolean {
  return Object.keys(patch).length === 0;
}
