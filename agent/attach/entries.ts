import type { Delegate } from '../../core/delegate/delegate.ts';
import { parseCidr } from '../../core/net/cidr.ts';
import {
  type CheckpointEntry,
  type CheckpointLink,
  type CheckpointMove,
  checkpointVersion,
  gatewaysOf,
  routeName,
} from '../checkpoint/entry.ts';
import { useOf } from '../delegate/plugin.ts';
import type { LinkInfo } from '../netlink/netlink.ts';
import { type Attachment, type AttachmentNic, hostAddress, hostEndName } from './attachment.ts';
import { bootId } from './movedNics.ts';
import type { Plan } from './plan.ts';

/** The checkpoint entry of an attachment before any part of it exists: it names only links that a cleanup has to look for. */
export function intentOf(attachment: Attachment, netnsId: string): CheckpointEntry {
  const { containerId, ifname, callIfname, configName, netns, network, plugin, pod, pool, call, nics, since } =
    attachment;
  const use = useOf(plugin);
  return {
    version: checkpointVersion,
    state: 'intent',
    containerId,
    ifname,
    callIfname,
    configName,
    netns,
    netnsId,
    network,
    type: plugin.type === 'delegate' ? plugin.name : plugin.type,
    ...(use === undefined ? {} : { use }),
    pod: { ...pod },
    ...(pool === undefined ? {} : { pool }),
    ...(nics.some(callsPlugins) && { call }),
    links: [],
    since,
  };
}

/** Whether other plugins have a part in the NIC. */
export function callsPlugins({ delegate, chain }: AttachmentNic): boolean {
  return delegate !== undefined || chain !== undefined;
}

/**
 * The delegate of this link is about to be called.
 * @param onHost the NIC that it moves, if it is there
 */
export function withBegun(
  entry: CheckpointEntry,
  { name, master, delegate, moves }: AttachmentNic,
  onHost: LinkInfo | null,
): CheckpointEntry {
  if (!delegate) return entry;
  const link: CheckpointLink = {
    name,
    master,
    addresses: [],
    routes: [],
    delegate: { ...delegate },
    ...(moves && { moves: { ...moves, bootId: bootId(), ...(onHost && settingsOf(onHost)) } }),
  };
  return { ...entry, links: [...entry.links, link] };
}

/** What a pod may change of a NIC. InfiniBand's hardware addresses contain a number that the kernel assigns (RFC 4391, section 9.1.1). */
function settingsOf({
  hardwareType,
  mac,
  mtu,
  up,
  altNames,
}: LinkInfo): Pick<CheckpointMove, 'mac' | 'mtu' | 'up' | 'altNames'> {
  return { mtu, up, altNames, ...(hardwareType === ethernet && mac !== null && { mac }) };
}

/** ARPHRD_ETHER (if_arp.h). */
const ethernet = 1;

/** The delegate of the link has answered. */
export function withPrinted(entry: CheckpointEntry, name: string, printed: Record<string, unknown>): CheckpointEntry {
  const links = entry.links.map(link =>
    link.name === name && link.delegate ? { ...link, delegate: { ...link.delegate, printed } } : link,
  );
  return { ...entry, links };
}

/** This plugin, too, is about to be called for the link. */
export function withFollowing(entry: CheckpointEntry, name: string, delegate: Delegate): CheckpointEntry {
  const links = entry.links.map(link =>
    link.name === name ? { ...link, chain: [...(link.chain ?? []), { ...delegate }] } : link,
  );
  return { ...entry, links };
}

/** The last plugin of those that follow on the link has answered. */
export function withAnswered(entry: CheckpointEntry, name: string, printed: Record<string, unknown>): CheckpointEntry {
  const links = entry.links.map(link => {
    const last = link.name === name ? link.chain?.at(-1) : undefined;
    return last ? { ...link, chain: [...(link.chain ?? []).slice(0, -1), { ...last, printed }] } : link;
  });
  return { ...entry, links };
}

/** The delegates of all links have answered, so everything that will be made over netlink is known. */
export function withPlan(
  entry: CheckpointEntry,
  { containerId, nics, plugin }: Attachment,
  { routes, rules }: Plan,
): CheckpointEntry {
  const isPtp = plugin.type === 'ptp';
  const links = nics.map(({ name, master, addresses }): CheckpointLink => {
    const ofLink = rules.filter(rule => rule.link === name).map(({ from, table }) => ({ from, table }));
    const ways = routes.filter(({ link }) => link === name).map(({ change }) => change);
    const byName = [...Map.groupBy(ways, routeName)];
    return {
      ...entry.links.find(link => link.name === name),
      name,
      master,
      ...(isPtp ? { hostEnd: hostEndName(containerId, name) } : {}),
      addresses: isPtp ? addresses.map(text => hostAddress(text, parseCidr(text).family)) : [...addresses],
      routes: ways.map(routeName),
      gateways: Object.fromEntries(byName.map(([route, all]) => [route, all.flatMap(gatewaysOf)])),
      ...(ofLink.length > 0 && { rules: ofLink }),
    };
  });
  return { ...entry, links };
}

/** All is made. */
export function doneOf(entry: CheckpointEntry, made: readonly LinkInfo[]): CheckpointEntry {
  const byName = new Map(made.map(link => [link.name, link]));
  return {
    ...entry,
    state: 'done',
    links: entry.links.map(link => {
      const there = byName.get(link.name);
      const { mac = null, parentIndex = null } = there ?? {};
      return {
        ...link,
        ...(link.moves && there && { moves: { ...link.moves, inPod: { index: there.index, alias: there.alias } } }),
        ...(mac !== null && { mac }),
        ...(entry.use !== undefined && parentIndex !== null && { masterIndex: parentIndex }),
      };
    }),
  };
}
