import { cniCodes, cniError } from '../../core/cni/error.ts';
import { parseCidr } from '../../core/net/cidr.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { type Attachment, hostAddress } from './attachment.ts';

/**
 * The host has one route to an address, so a second ptp link with it would take it from the first: in the same pod, or in another one
 * that a `static` IPAM gave the same address. An earlier sandbox of the same pod may still be there, though: it is on its way out, and the
 * new one takes over the pod's addresses.
 * @param entries of the whole node, the attachment's own may be among them
 * @throws CniError code 100
 */
export function refuseTakenAddresses(attachment: Attachment, entries: Iterable<CheckpointEntry>): void {
  const { network, nics, plugin, pod } = attachment;
  if (plugin.type !== 'ptp') return;
  const wanted = new Map<string, string>();
  const refuse = (address: string, who: string): never => {
    const detail = `network ${network}: ${who} already has ${address}, and the host can have only one route to it`;
    throw cniError(cniCodes.noAttachment, 'MNN_ADDRESS_TAKEN', detail);
  };
  for (const { name, addresses } of nics) {
    for (const address of addresses.map(text => hostAddress(text, parseCidr(text).family))) {
      if (wanted.has(address)) refuse(address, `the pod's ${wanted.get(address)}`);
      wanted.set(address, name);
    }
  }
  for (const entry of entries) {
    const isOwnSandbox = entry.containerId === attachment.containerId;
    const isReplaced = isOwnSandbox ? entry.ifname === attachment.ifname : entry.pod.uid === pod.uid;
    if (isReplaced) continue;
    for (const { name, hostEnd, addresses } of entry.links) {
      const taken = hostEnd === undefined ? undefined : addresses.find(address => wanted.has(address));
      if (taken === undefined) continue;
      refuse(taken, isOwnSandbox ? `the pod's ${name}` : `pod ${entry.pod.namespace}/${entry.pod.name}`);
    }
  }
}

/**
 * Refuses an address from the pool that another pod of the node has: somebody has edited the pool, or restored an older content, so that the
 * record of a running pod is missing. Other IPAM plugins are responsible for the addresses that they give.
 * @param attachment before its delegates are called
 * @param entries of the whole node, the attachment's own may be among them
 * @throws CniError code 100
 */
export function refuseHeldAddresses({ network, pod, nics }: Attachment, entries: Iterable<CheckpointEntry>): void {
  const wanted = new Set(nics.flatMap(({ addresses }) => addresses.map(withoutPrefix)));
  for (const entry of entries) {
    if (entry.network !== network || entry.pod.uid === pod.uid) continue;
    const taken = entry.links.flatMap(({ addresses }) => addresses.map(withoutPrefix)).find(ip => wanted.has(ip));
    if (taken === undefined) continue;
    const detail = `network ${network}: pod ${entry.pod.namespace}/${entry.pod.name} of this node has ${taken}, which no pool records: see kubectl multinic audit`;
    throw cniError(cniCodes.noAttachment, 'MNN_ADDRESS_TAKEN', detail);
  }
}

/**
 * Refuses to take the host's routes from a later sandbox of the pod: a runtime that was restarted, or that gave up an ADD, makes one while that ADD still
 * goes on here. With the DEL of this sandbox, the pod's addresses would lead nowhere.
 * @param entries of the pod
 * @throws CniError code 11
 */
export function refuseOutdated(own: CheckpointEntry, entries: readonly CheckpointEntry[]): void {
  const { network, ifname, containerId } = own;
  const isLater = (other: CheckpointEntry): boolean =>
    other.containerId !== containerId && other.ifname === ifname && Date.parse(other.since) > Date.parse(own.since);
  if (!entries.some(isLater)) return;
  const detail = `network ${network}: the call took so long that its pod has another sandbox`;
  throw cniError(cniCodes.tryAgainLater, 'MNN_CNI_DEADLINE', detail);
}
