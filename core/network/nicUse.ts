import type { PluginSpec } from '../api/types.ts';
import type { Ipam } from './ipam.ts';
import type { Network } from './network.ts';

/** How the links of a network use a host's NIC that they share. */
export interface NicUse {
  readonly kind: 'ipvlan' | 'macvlan';
  readonly mode: string;
}

/** How a network uses the host's NICs; undefined for types whose links do not share a NIC with others (ptp, sriov, host-device …). */
export function nicUse(
  { type, args = {} }: Pick<PluginSpec, 'type' | 'args'>,
  vlanMode: Ipam['vlanMode'],
): NicUse | undefined {
  const { mode = '' } = args;
  if (type === 'macvlan') return { kind: type, mode: mode === '' ? 'bridge' : mode };
  if (type === 'ipvlan' || type === 'aws-ipvlan') return { kind: 'ipvlan', mode: mode || vlanMode || 'l2' };
  return undefined;
}

/** Whether pods are neighbours in layer 2 by hardware addresses that they ask for; on a ptp link there is only the host. */
export function hasOwnMacs(network: Pick<Network, 'spec' | 'ipam'>): boolean {
  return network.spec.plugin.type !== 'ptp' && takesMac(network);
}

/** Whether an interface can have the hardware address that its pod asks for: ipvlan has the NIC's, and the plugin host-device knows of none. */
export function takesMac({ spec, ipam }: Pick<Network, 'spec' | 'ipam'>): boolean {
  return !movesNic.has(spec.plugin.type) && nicUse(spec.plugin, ipam.vlanMode)?.kind !== 'ipvlan';
}

/** Types whose plugin is host-device. */
const movesNic: ReadonlySet<string> = new Set(['host-device', 'mellanox']);

/**
 * Why links of two uses cannot be on one NIC at the same time; undefined if they can. A NIC has one receive handler, so it carries
 * one kind; the mode of ipvlan is the NIC's, and a new link sets that of all others there (Documentation/networking/ipvlan.rst, "Modes
 * of operation"; drivers/net/ipvlan/ipvlan_main.c, ipvlan_link_new); macvlan passthru is alone (macvlan.c, macvlan_common_newlink).
 */
export function nicConflict(one: NicUse, other: NicUse): string | undefined {
  if (one.kind !== other.kind) return 'a NIC carries either ipvlan or macvlan';
  if (one.kind === 'ipvlan') return one.mode === other.mode ? undefined : 'a NIC carries ipvlan in one mode only';
  if (one.mode === 'passthru' || other.mode === 'passthru') return 'macvlan passthru takes the whole NIC';
  return undefined;
}
