import { cniCodes, type CniError, cniError } from '../../core/cni/error.ts';
import { formatCidr, parseCidr } from '../../core/net/cidr.ts';
import { ownProtocol } from '../base/ownership.ts';
import { type CheckpointEntry, type CheckpointLink, hopsOf, routeName } from '../checkpoint/entry.ts';
import { mainTable } from '../netlink/constants.ts';
import type { AddressInfo, LinkInfo, Netlink, RouteInfo, RuleInfo } from '../netlink/netlink.ts';
import { namespaceIdentity } from './namespaceIdentity.ts';

/**
 * CHECK: whether everything that the entry names is as it was made. What later plugins changed does not matter (CNI 1.1, section 2
 * "CHECK"), such as the hardware address that `tuning` gives an interface, unless it spoils what was made.
 * @throws CniError code 102 naming the first difference, 8 where the namespace is gone
 */
export async function checkAttachment(netlink: Netlink, entry: CheckpointEntry, netns: string): Promise<void> {
  if (namespaceIdentity(netns) !== entry.netnsId) {
    throw cniError(
      cniCodes.invalidNetns,
      'MNN_CNI_NETNS',
      `CNI_NETNS ${netns} is not where ${entry.ifname} was attached`,
    );
  }
  const [links, addresses, routes] = await netlink.run(netns, [
    { op: 'link.list' },
    { op: 'address.list' },
    { op: 'route.list' },
  ]);
  for (const link of entry.links) checkLink(link, entry.use, { links, addresses, routes });
  if (entry.links.some(({ rules }) => rules)) checkRules(entry, await netlink.one(netns, { op: 'rule.list' }), routes);
  if (entry.links.some(({ hostEnd }) => hostEnd)) await checkHostEnds(netlink, entry.links);
}

interface PodDump {
  links: readonly LinkInfo[];
  addresses: readonly AddressInfo[];
  routes: readonly RouteInfo[];
}

function checkLink(expected: CheckpointLink, use: CheckpointEntry['use'], dump: PodDump): void {
  const { links, addresses, routes } = dump;
  const link = links.find(({ name }) => name === expected.name);
  // A device bound to a user-space driver has no link: its plugin's CHECK says how it is.
  if (!link && expected.delegate?.role === 'plugin' && expected.mac === undefined) return;
  if (!link) throw changed(`interface ${expected.name} is gone`);
  // The host sends what is for a ptp link to the address that this was made with.
  if (expected.hostEnd !== undefined && link.mac !== expected.mac) {
    throw changed(`interface ${expected.name} has the hardware address ${link.mac ?? 'none'}, not ${expected.mac}`);
  }
  checkUse(link, use);
  if (!link.up) throw changed(`interface ${expected.name} is down`);
  for (const address of expected.addresses) {
    const there = addresses.some(info => info.dev === link.index && info.address === address);
    if (!there) throw changed(`interface ${expected.name} lacks the address ${address}`);
  }
  for (const name of expected.routes) checkRoute(name, expected, link, routes);
}

/**
 * Attachments that share a destination may be one route in the kernel, so there may be more gateways. Of plugins that follow, `sbr` moves routes into a table
 * of its own.
 */
function checkRoute(
  name: string,
  { gateways: all = {}, chain }: CheckpointLink,
  link: LinkInfo,
  routes: readonly RouteInfo[],
): void {
  const isIt = (route: RouteInfo): boolean => routeName(route) === name || (chain !== undefined && route.dst === name);
  const gateways = all[name] ?? [];
  const hops = routes.filter(isIt).flatMap(hopsOf);
  if (!hops.some(({ dev }) => dev === link.index)) throw changed(`the route to ${name} by ${link.name} is gone`);
  const missing = gateways.find(wanted => !hops.some(({ gateway }) => gateway === wanted));
  if (missing !== undefined) throw changed(`the route to ${name} by ${link.name} is not via ${missing} any more`);
}

/** Packets from an address whose subnet another link shares must leave by the address's own link. */
function checkRules({ links }: CheckpointEntry, found: readonly RuleInfo[], routes: readonly RouteInfo[]): void {
  for (const { name, rules = [] } of links) {
    for (const { from, table } of rules) {
      const address = formatCidr(parseCidr(from));
      const isThere =
        found.some(rule => rule.from === address && rule.table === table) &&
        routes.some(route => route.table === table);
      if (!isThere) throw changed(`the rule that what comes from ${address} leaves by ${name} is gone`);
    }
  }
}

/** An ipvlan link in another mode, made on the same NIC by anybody, changes the mode of all others there. */
function checkUse(link: LinkInfo, use: CheckpointEntry['use']): void {
  const mode = use && link[use.kind]?.mode;
  if (mode === use?.mode) return;
  throw changed(`interface ${link.name} is ${link.kind ?? 'a device'} ${mode ?? ''}, not ${use?.kind} ${use?.mode}`);
}

async function checkHostEnds(netlink: Netlink, expected: readonly CheckpointLink[]): Promise<void> {
  const [links, routes] = await netlink.run(null, [
    { op: 'link.list' },
    { op: 'route.list', table: mainTable, protocol: ownProtocol },
  ]);
  for (const { hostEnd, addresses } of expected) {
    if (hostEnd === undefined) continue;
    const link = links.find(({ name }) => name === hostEnd);
    if (!link?.up) throw changed(`the host's end ${hostEnd} is ${link ? 'down' : 'gone'}`);
    const lost = addresses.find(address => !routes.some(({ dst, dev }) => dst === address && dev === link.index));
    if (lost !== undefined) throw changed(`the host's route to ${lost} by ${hostEnd} is gone`);
  }
}

function changed(what: string): CniError {
  return cniError(cniCodes.attachmentChanged, 'MNN_ATTACHMENT_CHANGED', what);
}
