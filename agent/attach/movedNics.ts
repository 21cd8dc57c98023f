import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { sleep } from '../../kube/api/deadline.ts';
import type { CheckpointEntry, CheckpointMove } from '../checkpoint/entry.ts';
import { readDeviceNic } from '../devices/deviceNic.ts';
import type { LinkInfo, LinkSet, Netlink, Op } from '../netlink/netlink.ts';
import { strangeNames, takeName } from './nicNames.ts';

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
    const nic = { ...moves, name: moves.name ?? master ?? '', podName: link.name };
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
type Nic = CheckpointMove & { readonly name: string; readonly podName: string };

/** @param until wait until performance.now() reaches this */
async function returned({ netlink, sysfs }: BringBackOptions, nic: Nic, until: number): Promise<LinkInfo | undefined> {
  for (;;) {
    const netdev = nic.device === undefined ? undefined : (await readDeviceNic(sysfs, nic.device))?.netdev;
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
    name === nic.podName || /^dev\d+$/.test(name) || (nic.mac !== undefined && [mac, permanentMac].includes(nic.mac));
  return alias === nic.name && isKnown;
}

async function restore(
  { netlink, logger }: BringBackOptions,
  link: LinkInfo,
  nic: Nic,
  altName: string,
): Promise<void> {
  const { index: dev } = link;
  const { name, mac = link.mac, mtu = link.mtu, up = true, altNames = [] } = nic;
  const isRenamed = link.name !== name;
  const changes: LinkSet[] = [
    ...(mac === null || mac === link.mac ? [] : [{ op: 'link.set' as const, dev, mac }]),
    ...(mtu === link.mtu ? [] : [{ op: 'link.set' as const, dev, mtu }]),
  ];
  await netlink.run(null, [
    ...strangeNames(link, nic, altName).map(name => takeName(dev, name)),
    ...(isRenamed || changes.length > 0 ? [{ op: 'link.set' as const, dev, up: false }] : []),
    ...(isRenamed ? [{ op: 'link.set' as const, dev, name, alias: '' }] : []),
  ]);
  for (const change of changes) {
    const outcome = await netlink.one(null, { ...change, ignore: refusals });
    if (!outcome.done)
      logger.warn({ nic: name, ...outcome.failure }, 'what a pod changed on a NIC could not be restored');
  }
  const lost = altNames.filter(each => each !== altName && !link.altNames.includes(each));
  await netlink.run(null, [
    ...lost.map((each): Op => ({ op: 'altname.add', dev, altName: each, ignore: ['EEXIST'] })),
    ...(up ? [{ op: 'link.set' as const, dev, up }] : []),
    ...nic.hostAddresses.map((address): Op => ({ op: 'address.add', dev, address, noDad: true, ignore: ['EEXIST'] })),
  ]);
}
