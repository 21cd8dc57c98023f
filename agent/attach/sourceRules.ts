import { createHash } from 'node:crypto';
import { contains, formatCidr, parseCidr } from '../../core/net/cidr.ts';
import { parseAddress } from '../../core/net/address.ts';
import type { Op } from '../netlink/types.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import type { PodRoute } from './podRoutes.ts';
import { hostAddress, type Attachment } from './attachment.ts';

/** A routing rule in the pod: what comes from the address leaves by the link. */
export interface SourceRule {
  readonly link: string;
  /** The address with the length of a host's prefix. */
  readonly from: string;
  readonly table: number;
}

/** Where several links of a pod share a subnet, one priority for all of their rules: before the main table's 32766. */
const rulePriority = 1000;

/**
 * Links that share a subnet with an earlier one of the pod: the main table sends all of it by the first link, also answers from an
 * address of another one, which the network's switches and filters then see on the wrong port. Each such address gets a table of its own.
 * @param others the pod's other attachments
 */
export function sourceRules(
  { nics, plugin }: Pick<Attachment, 'nics' | 'plugin'>,
  others: readonly CheckpointEntry[],
): SourceRule[] {
  if (plugin.type === 'ptp') return []; // the next hop is the host, whatever the link
  const earlier = others.flatMap(({ links }) => links.filter(({ hostEnd }) => hostEnd === undefined));
  const seen = new Map<string, string>();
  const shared = new Set<string>();
  for (const { name, addresses } of [...earlier, ...nics]) {
    for (const subnet of addresses.map(address => formatCidr(parseCidr(address)))) {
      const first = seen.get(subnet) ?? name;
      seen.set(subnet, first);
      if (first !== name) shared.add(subnet);
    }
  }
  return nics.flatMap(({ name, addresses }) =>
    addresses
      .filter(
        address => shared.has(formatCidr(parseCidr(address))) && seen.get(formatCidr(parseCidr(address))) !== name,
      )
      .map(address => ({ link: name, from: hostAddress(address, parseCidr(address).family), table: tableOf(name) })),
  );
}

/** The operations that make the rules, and the routes in their tables: to the link's subnet, and those of the pod that leave by the link. */
export function sourceRuleOps(
  { nics }: Pick<Attachment, 'nics'>,
  rules: readonly SourceRule[],
  routes: readonly PodRoute[],
): Op[] {
  return rules.flatMap(({ link, from, table }): Op[] => {
    const [ip = ''] = from.split('/');
    const subnets = nics
      .filter(({ name }) => name === link)
      .flatMap(({ addresses }) => addresses.map(parseCidr))
      .filter(subnet => contains(subnet, parseAddress(ip)));
    const onLink = subnets.map((subnet): Op => ({
      op: 'route.replace',
      dst: formatCidr(subnet),
      dev: link,
      table,
      scope: 'link',
      src: ip,
    }));
    const others = routes
      .filter(
        ({ change }) =>
          change.dev === link && change.table === undefined && change.dst.includes(':') === ip.includes(':'),
      )
      .map(({ change }): Op => ({ ...change, op: 'route.replace', table, src: ip }));
    return [...onLink, ...others, { op: 'rule.add', from, table, priority: rulePriority }];
  });
}

/** The operations that take the rules away again; their tables' routes go with the links. */
export function removeRuleOps(rules: readonly { from: string; table: number }[]): Op[] {
  return rules.map(({ from, table }) => ({
    op: 'rule.del',
    from,
    table,
    priority: rulePriority,
    ignore: ['ENOENT'],
  }));
}

/** A table of the pod's namespace, the same for the same link name: far from those that people and other plugins number by hand. */
function tableOf(link: string): number {
  return 0x6d000000 + createHash('sha256').update(link).digest().readUIntBE(0, 3);
}
