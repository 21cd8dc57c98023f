import { randomBytes } from 'node:crypto';
import type { CheckpointLink, CheckpointMove } from '../checkpoint/entry.ts';
import { isPciAddress } from '../devices/deviceNic.ts';
import type { LinkInfo, LinkRef, Netlink, Op } from '../netlink/netlink.ts';

/** Removes an alternative name from a link, if it has that. */
export function takeName(dev: LinkRef, altName: string): Op {
  return { op: 'altname.del', dev, altName, ignore: ['EOPNOTSUPP', 'ENODEV', 'ENOENT', 'EINVAL'] };
}

/**
 * Alternative names that a NIC did not have on the host: the attachment's own, and what the pod has added. The kernel lets no NIC into a namespace
 * where another link has one of its names.
 */
export function strangeNames({ altNames }: LinkInfo, before: CheckpointMove, own: string): string[] {
  return altNames.filter(name => name === own || before.altNames?.includes(name) === false);
}

/**
 * Takes back what a pod has done to the names of a NIC of the host. The plugin that is to take it out goes by the name that it gave it, puts
 * whatever link has that into the host, and calls it there what its alias says.
 * @param own name of the attachment
 */
export async function undoNaming(netlink: Netlink, netns: string, link: CheckpointLink, own: string): Promise<void> {
  const { name, moves } = link;
  if (!moves) return;
  const nic = await nicOf(netlink, netns, link, moves);
  const holder = await netlink.one(netns, { op: 'link.get', dev: name, ignore: ['ENODEV'] });
  await netlink.run(netns, [
    ...(holder && holder.index !== nic?.index ? giveUpName(holder, name) : []),
    ...(nic ? restoreNames(nic, name, moves, own) : []),
  ]);
}

function giveUpName(link: LinkInfo, name: string): Op[] {
  return link.name === name ? rename(link.index, unusedName()) : [takeName(link.index, name)];
}

function restoreNames(nic: LinkInfo, name: string, moves: CheckpointMove, own: string): Op[] {
  const { index: dev } = nic;
  const { alias = nic.alias } = moves.inPod ?? {};
  return [
    ...strangeNames(nic, moves, own).map(strange => takeName(dev, strange)),
    ...(nic.name === name ? [] : rename(dev, name)),
    ...(nic.alias === alias ? [] : [{ op: 'link.set' as const, dev, alias: alias ?? '' }]),
  ];
}

/**
 * The NIC in the pod, which may have given each of its links any name and alias, but cannot change an index, nor of which device a link is. Entries
 * of older agents have no index.
 */
async function nicOf(
  netlink: Netlink,
  netns: string,
  { name, master }: CheckpointLink,
  { device, inPod, name: onHost = master }: CheckpointMove,
): Promise<LinkInfo | undefined> {
  // That of a virtio device is no PCI function, but on one.
  const mayBe = ({ parentDevice }: LinkInfo): boolean =>
    device === undefined || parentDevice === null || parentDevice === device || !isPciAddress(parentDevice);
  if (inPod) {
    const there = await netlink.one(netns, { op: 'link.get', dev: inPod.index, ignore: ['ENODEV'] });
    if (there && mayBe(there)) return there;
    if (device === undefined) return undefined;
  }
  const links = await netlink.one(netns, { op: 'link.list' });
  const ofDevice = links.find(({ parentDevice }) => parentDevice === device);
  if (ofDevice || inPod) return ofDevice;
  const others = links.filter(mayBe);
  return others.find(link => link.name === name) ?? others.find(({ alias }) => alias !== null && alias === onHost);
}

/** Older kernels rename no link that is up. */
function rename(dev: number, name: string): Op[] {
  return [
    { op: 'link.set', dev, up: false },
    { op: 'link.set', dev, name },
  ];
}

function unusedName(): string {
  return `x${randomBytes(6).toString('hex')}`;
}
