import { createHash } from 'node:crypto';
import { parseAddress } from '../../core/net/address.ts';
import { compareCidrs, contains, formatCidr, type IpCidr, linkLocal, parseCidr } from '../../core/net/cidr.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import { type CheckpointEntry, type CheckpointLink, hopsOf } from '../checkpoint/entry.ts';
import type { ChangeOp, NextHop, Op, RouteChange, RuleInfo } from '../netlink/types.ts';
import { type Attachment, hostAddress } from './attachment.ts';
import { byHost, type PodRoute, withHops } from './podRoutes.ts';
import { railAddresses } from './rails.ts';

/** A routing rule in the pod: packets from the address leave by the link. */
export interface SourceRule {
  readonly link: string;
  /** The address with the length of a host's prefix. */
  readonly from: string;
  readonly table: number;
}

/** Where several links of a pod share a subnet, one priority for all of their rules: before the main table's 32766. */
const rulePriority = 1000;

/**
 * For links that share a subnet with an earlier one of the pod: the main table sends all of its traffic by the first link, even answers from
 * an address of another one, which the network's switches and filters then see on the wrong port; on a ptp link the host drops what is not from
 * its address. Each such address gets its own table. So does one on a rail, as every rail leads everywhere.
 * @param others the pod's other attachments
 */
export function sourceRules(attachment: RulePart, others: readonly CheckpointEntry[]): SourceRule[] {
  const { nics, plugin } = attachment;
  const isRouted = plugin.type === 'ptp';
  const earlier = others.flatMap(({ links }) => links.filter(({ hostEnd }) => (hostEnd !== undefined) === isRouted));
  const seen = new Map<string, string>();
  const shared = new Set<string>();
  for (const { name, subnets } of [...earlier.map(subnetsInEntry), ...nics.map(subnetsOfLink)]) {
    for (const subnet of subnets) {
      const first = seen.get(subnet) ?? name;
      seen.set(subnet, first);
      if (first !== name) shared.add(subnet);
    }
  }
  return nics.flatMap(nic => {
    const { name, addresses } = nic;
    const rails = new Set(isRouted ? [] : railAddresses(attachment, nic).map(({ net }) => formatCidr(net)));
    const needsTable = (subnet: string): boolean =>
      rails.has(subnet) || (shared.has(subnet) && seen.get(subnet) !== name);
    return addresses
      .filter(address => needsTable(formatCidr(parseCidr(address))))
      .map(address => ({ link: name, from: hostAddress(address, parseCidr(address).family), table: tableOf(name) }));
  });
}

function subnetsOfLink({ name, addresses }: { name: string; addresses: readonly string[] }): LinkSubnets {
  return { name, subnets: addresses.map(address => formatCidr(parseCidr(address))) };
}

/** The address of a ptp link stands alone; its subnet is one of the link's routes. */
function subnetsInEntry({ name, addresses, routes, hostEnd }: CheckpointLink): LinkSubnets {
  return hostEnd === undefined ? subnetsOfLink({ name, addresses }) : { name, subnets: routes };
}

interface LinkSubnets {
  readonly name: string;
  readonly subnets: readonly string[];
}

type RulePart = Pick<Attachment, 'nics' | 'plugin' | 'masterNets'>;

/**
 * The operations that make the rules, and the routes in their tables: to the link's subnet, and those of the pod that leave by the link, or by
 * another one of that subnet: what the one reaches the other does, too. So do all routers of rails. The routes name no source, which the rule has: the
 * kernel refuses one that is still looked up as a duplicate (RFC 4862 §5.4), as those are that plugins have just set.
 */
export function sourceRuleOps(attachment: RulePart, rules: readonly SourceRule[], routes: readonly PodRoute[]): Op[] {
  const { nics, plugin } = attachment;
  const isRouted = plugin.type === 'ptp';
  const rails = new Map(nics.map(nic => [nic.name, railAddresses(attachment, nic)]));
  const routers = new Set([...rails.values()].flat().map(({ router }) => router));
  const leadsByRails = ({ gateway = '' }: NextHop): boolean => routers.has(gateway);
  return rules.flatMap(({ link, from, table }): Op[] => {
    const src = withoutPrefix(from);
    const subnets = subnetsOf(nics.find(({ name }) => name === link)).filter(net => contains(net, parseAddress(src)));
    const rail = rails.get(link)?.find(({ net }) => contains(net, parseAddress(src)));
    const onLink = subnets.map((net): Op => {
      const way = isRouted ? byHost(net.family) : { scope: 'link' as const };
      return { op: 'route.replace', dst: formatCidr(net), dev: link, table, ...way };
    });
    const hopsFor = (change: RouteChange): NextHop[] => {
      if (isRouted) return [{ dev: link, ...byHost(src.includes(':') ? 6 : 4) }];
      const given = hopsOf(change);
      if (rail && given.some(leadsByRails)) return [{ dev: link, gateway: rail.router }];
      return given.flatMap(hop => hopBy(link, hop, subnets, nics) ?? []);
    };
    const others = routes
      .filter(({ change }) => change.table === undefined && change.dst.includes(':') === src.includes(':'))
      .flatMap(({ change }): Op[] => {
        const hops = hopsFor(change);
        return hops.length === 0 ? [] : [{ ...withHops(change, hops), op: 'route.replace', table }];
      });
    return [...onLink, ...others, { op: 'rule.add', from, table, priority: rulePriority }];
  });
}

/** The next hop, if this link, which is in these subnets, reaches it; else undefined. */
function hopBy(
  link: string,
  { dev, gateway }: NextHop,
  subnets: readonly IpCidr[],
  nics: Attachment['nics'],
): NextHop | undefined {
  const address = gateway === undefined ? undefined : parseAddress(gateway);
  const sharesSubnet = (): boolean =>
    subnetsOf(nics.find(({ name }) => name === dev)).some(net => subnets.some(own => compareCidrs(own, net) === 0));
  const isReached =
    dev === link ||
    (address && !contains(linkLocal, address) ? subnets.some(net => contains(net, address)) : sharesSubnet());
  return isReached ? { dev: link, ...(gateway !== undefined && { gateway }) } : undefined;
}

function subnetsOf(nic: Attachment['nics'][number] | undefined): IpCidr[] {
  return nic?.addresses.map(parseCidr) ?? [];
}

/** The operations that remove the rules; their tables' routes go with the links. */
export function removeRuleOps(rules: readonly { from: string; table: number }[]): ChangeOp[] {
  return rules.map(({ from, table }) => ({
    op: 'rule.del',
    from,
    table,
    priority: rulePriority,
    ignore: ['ENOENT'],
  }));
}

/** Those of the pod's rules that were made for the links, known by their tables where nothing is recorded of them. */
export function rulesOfLinks(found: readonly RuleInfo[], links: readonly string[]): Op[] {
  const tables = new Set(links.map(tableOf));
  return found
    .filter(({ priority, table }) => priority === rulePriority && tables.has(table))
    .map(({ family, from, table, priority }): Op => {
      return { op: 'rule.del', family, ...(from !== undefined && { from }), table, priority, ignore: ['ENOENT'] };
    });
}

/** A table of the pod's namespace, the same for the same link name: far from those that people and other plugins number by hand. */
function tableOf(link: string): number {
  return 0x6d000000 + createHash('sha256').update(link).digest().readUIntBE(0, 3);
}
