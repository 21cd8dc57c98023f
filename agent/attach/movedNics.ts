import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { sleep } from '../../kube/api/deadline.ts';
import type { CheckpointEntry, CheckpointLink } from '../checkpoint/entry.ts';
import type { LinkInfo, Netlink, Op } from '../netlink/netlink.ts';

/** How long the kernel may take to give a NIC back after the end of its namespace, which it clears away by the way, ms. */
const returnMs = 10_000;
const stepMs = 50;

/** Which boot of the host this is (random(4)). */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/**
 * Gives NICs that were in a pod what they had on the host: their names, their addresses, and that they are up. What the pod had before a
 * reboot is nobody's any more: the host has set its NICs up as it does.
 * @param isThere whether the pod's namespace still is; if not, the NICs may be on their way
 */
export async function bringBack(
  netlink: Netlink,
  log: Logger,
  entry: CheckpointEntry,
  isThere: boolean,
): Promise<void> {
  const until = performance.now() + (isThere ? 0 : returnMs);
  for (const link of entry.links) {
    const { master: nic = '', moves } = link;
    if (!moves || (moves.bootId !== undefined && moves.bootId !== bootId())) continue;
    // A device bound to a user-space driver has no link at all.
    const isLink = entry.state !== 'done' || link.mac !== undefined;
    const back = await returned(netlink, link, isLink ? until : 0);
    if (!back) {
      if (isLink) log.warn({ nic, pod: entry.pod }, 'a NIC did not come back from a pod');
      continue;
    }
    await restore(netlink, back, nic, moves.hostAddresses);
    log.info({ nic, addresses: moves.hostAddresses }, 'a NIC is back from a pod');
  }
}

/** @param until performance.now() to which it is waited for */
async function returned(netlink: Netlink, link: CheckpointLink, until: number): Promise<LinkInfo | undefined> {
  for (;;) {
    const found = (await netlink.one(null, { op: 'link.list' })).find(({ name, alias }) => isNicOf(link, name, alias));
    if (found || performance.now() >= until) return found;
    await sleep(stepMs);
  }
}

/**
 * From a namespace that vanished a NIC comes under the name that it had there, and where that is taken as dev<index> (net/core/dev.c,
 * default_device_exit_net). The plugin noted its own name in its alias.
 */
function isNicOf({ name: inPod, master }: CheckpointLink, name: string, alias: string | null): boolean {
  return name === master || (alias === master && (name === inPod || /^dev\d+$/.test(name)));
}

async function restore(
  netlink: Netlink,
  { index, name }: LinkInfo,
  nic: string,
  addresses: readonly string[],
): Promise<void> {
  if (name !== nic) {
    await netlink.run(null, [
      { op: 'link.set', dev: index, up: false },
      { op: 'link.set', dev: index, name: nic, alias: '' },
    ]);
  }
  await netlink.run(null, [
    { op: 'link.set', dev: index, up: true },
    ...addresses.map((address): Op => ({ op: 'address.add', dev: index, address, noDad: true, ignore: ['EEXIST'] })),
  ]);
}
