import type { Logger } from 'pino';
import { formatFound } from '../../core/annotation/foundInterfaces.ts';
import { annotation, component } from '../../core/api/names.ts';
import { parseCidr } from '../../core/net/cidr.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { sleep } from '../../kube/api/deadline.ts';
import { isConflict, isNotFound } from '../../kube/api/errors.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import { namespaceIdentity } from '../attach/namespaceIdentity.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { isEnding, type PodSource } from '../copies/podSource.ts';
import type { LinkGet, Netlink } from '../netlink/netlink.ts';
import { type AddressSpace, type Found, foundOf } from './found.ts';

/** Most addresses that a pod is looked into with: it may have a million, and the agent as little memory as before. */
const mostAddresses = 50_000;

export interface InspectorOptions {
  readonly client: KubeClient;
  readonly netlink: Netlink;
  readonly checkpoint: Checkpoint;
  readonly pods: PodSource;
  readonly view: ClusterView;
  readonly logger: Logger;
  /** From one look to the next, ms; 0: never. */
  readonly intervalMs: number;
}

/**
 * Looks into the node's pods, one after the other: do they have the addresses that they were given, and no others of their networks? Where two looks
 * in a row find the same difference, the pod's annotation says what is there, which the audit reads. It goes when all is as it was made again.
 */
export class Inspector implements Runnable {
  readonly name = 'inspection';
  readonly #options: InspectorOptions;
  /** What the last look found, by the UIDs of the pods that have something else than was made. */
  #last = new Map<string, string>();

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { intervalMs } = this.#options;
    while (intervalMs > 0) {
      await sleep(intervalMs, signal);
      if (signal.aborted) return;
      await this.#look(signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { checkpoint, pods: known, logger } = this.#options;
    const before = this.#last;
    this.#last = new Map();
    for (const [uid, entries] of Map.groupBy([...checkpoint.list()], ({ pod }) => pod.uid)) {
      const pod = known.byUid(uid);
      if (signal.aborted) return;
      if (!pod || isEnding(pod)) continue;
      try {
        const found = await this.#find(entries);
        if (!found) continue;
        const text = found.isAsMade ? undefined : formatFound(uid, found.interfaces);
        if (text !== undefined) this.#last.set(uid, text);
        if (text === undefined || text === before.get(uid)) await this.#tell(pod, text, signal);
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error, pod: entries[0]?.pod }, 'looking into a pod failed');
      }
    }
  }

  /** Undefined where the pod's attachments were being made or removed meanwhile, or another IPAM plugin answers for all addresses. */
  async #find(entries: readonly CheckpointEntry[]): Promise<Found | undefined> {
    const { netlink, checkpoint, view } = this.#options;
    const found: Found[] = [];
    for (const entry of entries) {
      if (entry.state !== 'done' || namespaceIdentity(entry.netns) !== entry.netnsId) return undefined;
      if (entry.pool === undefined) continue;
      const gets = entry.links.map(({ name }): LinkGet => ({ op: 'link.get', dev: name, ignore: ['ENODEV'] }));
      const [addresses, ...there] = await netlink.run(entry.netns, [
        { op: 'address.list', most: mostAddresses },
        ...gets,
      ]);
      const links = there.filter(link => link !== null);
      if (!checkpoint.has(entry)) return undefined;
      found.push(foundOf(entry, { links, addresses }, spaceOf(view, entry.network)));
    }
    if (found.length === 0) return undefined;
    return {
      interfaces: found.flatMap(({ interfaces }) => interfaces),
      isAsMade: found.every(({ isAsMade }) => isAsMade),
    };
  }

  async #tell({ metadata }: Pod, text: string | undefined, signal: AbortSignal): Promise<void> {
    const { client, logger } = this.#options;
    const { uid, namespace, name } = metadata;
    if (metadata.annotations?.[annotation.foundInterfaces] === text) return;
    if (text !== undefined) logger.warn({ namespace, name, found: text }, 'the interfaces of a pod were changed');
    const patch = { metadata: { uid, annotations: { [annotation.foundInterfaces]: text ?? null } } };
    try {
      const options = { signal, fieldManager: component.agent, subresource: 'status' };
      await client.patch(pods, metadata, 'merge', patch, options);
    } catch (error) {
      // The UID in the patch is a precondition: another pod of that name is a conflict.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

/** Where a network has its addresses for pods that do not ask for any; nowhere, where it is gone. */
function spaceOf(view: ClusterView, name: string): AddressSpace {
  const { network, interfaces = [] } = view.network(name)?.state ?? {};
  if (!network) return { ranges: [], excludes: [] };
  const { subnets, excludes, gateways } = network;
  const ranges = subnets.length > 0 ? subnets : interfaces.map(({ netAddress }) => parseCidr(netAddress));
  return { ranges, excludes: [...excludes, ...gateways] };
}
