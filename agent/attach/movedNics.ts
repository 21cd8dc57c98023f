import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { sleep } from '../../kube/api/deadline.ts';
import type { CheckpointEntry, CheckpointLink, CheckpointMove } from '../checkpoint/entry.ts';
import { readPciNic } from '../devices/pciDevice.ts';
import type { LinkInfo, LinkRef, LinkSet, Netlink, Op } from '../netlink/netlink.ts';

/** How long the kernel may take to give a NIC back after the end of its namespace, which it cleans up in the background, ms. */
const returnMs = 10_000;
const stepMs = 50;

/** Which boot of the host this is (random(4)). */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Failures that must not keep a pod from ending: a driver may not let its MTU or address be set, or only while the NIC is not in use. */
const refusals = ['EPERM', 'EBUSY', 'EINVAL', 'EADDRNOTAVAIL', 'EOPNOTSUPP', 'ERANGE'] as const;

export interface BringBackOptions {
  readonly netlink: Netlink;
  /** Where sysfs is mounted. */
  readonly sysfs: string;
  readonly logger: Logger;
}

/** Removes an attachment's own name from its link, if it has that: the kernel lets no NIC into a namespace where another link has the same name. */
export function takeName(dev: LinkRef, altName: string): Op {
  return { op: 'altname.del', dev, altName, ignore: ['EOPNOTSUPP', 'ENODEV', 'ENOENT', 'EINVAL'] };
}

/**
 * Restores the name that a NIC got in the pod, if the pod has changed it: the plugin that is to take it out looks for that name. The NIC is
 * recognised by its device, or by the alias in which the plugin noted its name on the host.
 */
export async function undoRenaming(
  netlink: Netlink,
  netns: string,
  { name, master, moves }: CheckpointLink,
): Promise<void> {
  if (!moves) return;
  const links = await netlink.one(netns, { op: 'link.list' });
  if (links.some(link => link.name === name)) return;
  const { device, name: onHost = master } = moves;
  const renamed = links.find(({ alias, parentDevice }) =>
    device !== undefined && parentDevice !== null ? parentDevice === device : alias !== null && alias === onHost,
  );
  if (!renamed) return;
  const { index: dev } = renamed;
  await netlink.run(netns, [
    { op: 'link.set', dev, up: false },
    { op: 'link.set', dev, name },
  ]);
}

/**
 * Restores what NICs that were in a pod had on the host: their names, hardware addresses, MTUs and addresses, and that they are up. After a
 * reboot there is nothing to restore: the host has set up its NICs itself.
 * @param isThere whether the pod's namespace still exists; if not, the NICs may be on their way back
 */
export async function bringBack(options: BringBackOptions, entry: CheckpointEntry, isThere: boolean): Promise<void> {
  const { logger } = options;
  const until = performance.now() + (isThere ? 0 : returnMs);
  for (const link of entry.links) {
    const { master, moves } = link;
    if (!moves || (moves.bootId !== undefined && moves.bootId !== bootId())) continue;
    const nic = { ...moves, name: moves.name ?? master ?? '', inPod: link.name };
    // A device bound to a user-space driver has no link at all.
    const isLink = entry.state !== 'done' || link.mac !== undefined;
    const back = await returned(options, nic, isLink ? until : 0);
    if (!back) {
      if (isLink) logger.warn({ nic: nic.name, pod: entry.pod }, 'a NIC did not come back from a pod');
      continue;
    }
    await restore(options, back, nic, entry.ifname);
    logger.info({ nic: nic.name, addresses: nic.hostAddresses }, 'a NIC is back from a pod');
  }
}

/** A NIC as it was on the host, and its name in the pod. */
type Nic = CheckpointMove & { readonly name: string; readonly inPod: string };

/** @param until wait until performance.now() reaches this */
async function returned({ netlink, sysfs }: BringBackOptions, nic: Nic, until: number): Promise<LinkInfo | undefined> {
  for (;;) {
    const netdev = nic.device === undefined ? undefined : (await readPciNic(sysfs, nic.device))?.netdev;
    const links = await netlink.one(null, { op: 'link.list' });
    const found = links.find(link => (nic.device === undefined ? isNic(link, nic) : link.name === netdev));
    if (found || performance.now() >= until) return found;
    await sleep(stepMs);
  }
}

/**
 * From a namespace that disappeared, a NIC returns under the name that it had there or, if that is taken, as dev<index> (net/core/dev.c,
 * default_device_exit_net). The plugin noted its original name in its alias. A NIC that the pod renamed is recognised by its hardware address.
 */
function isNic({ name, alias, mac, permanentMac }: LinkInfo, nic: Nic): boolean {
  if (name === nic.name) return true;
  const isKnown =
    name === nic.inPod || /^dev\d+$/.test(name) || (nic.mac !== undefined && [mac, permanentMac].includes(nic.mac));
  return alias === nic.name && isKnown;
}

async function restore(
  { netlink, logger }: BringBackOptions,
  link: LinkInfo,
  nic: Nic,
  altName: string,
): Promise<void> {
  const { index: dev } = link;
  const { name, mac = link.mac, mtu = link.mtu, up = true } = nic;
  const isRenamed = link.name !== name;
  const changes: LinkSet[] = [
    ...(mac === null || mac === link.mac ? [] : [{ op: 'link.set' as const, dev, mac }]),
    ...(mtu === link.mtu ? [] : [{ op: 'link.set' as const, dev, mtu }]),
  ];
  await netlink.run(null, [
    ...(link.altNames.includes(altName) ? [takeName(dev, altName)] : []),
    ...(isRenamed || changes.length > 0 ? [{ op: 'link.set' as const, dev, up: false }] : []),
    ...(isRenamed ? [{ op: 'link.set' as const, dev, name, alias: '' }] : []),
  ]);
  for (const change of changes) {
    const outcome = await netlink.one(null, { ...change, ignore: refusals });
    if (!outcome.done)
      logger.warn({ nic: name, ...outcome.failure }, 'what a pod changed on a NIC could not be restored');
  }
  await netlink.run(null, [
    ...(up ? [{ op: 'link.set' as const, dev, up }] : []),
    ...nic.hostAddresses.map((address): Op => ({ op: 'address.add', dev, address, noDad: true, ignore: ['EEXIST'] })),
  ]);
}
