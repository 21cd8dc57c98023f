import type { AllocatedNic, DeviceClass, HostInterfaceSpec, InterfaceIndex } from '../api/types.ts';
import { MultiNicError } from '../errors.ts';
import { blocksOf } from '../layout/hostBlocks.ts';
import type { AddressIndex } from '../net/addressIndex.ts';
import { withoutPrefix } from '../net/interfaceAddress.ts';
import type { Network } from '../network/network.ts';
import { candidatesOf } from '../selection/candidates.ts';
import { stillMeets } from '../selection/held.ts';
import { candidatesWith, type NicLoads } from '../selection/loads.ts';
import type { NicRequest } from '../selection/request.ts';
import { looksAtBandwidth, selectNics } from '../selection/select.ts';
import type { DevicePlacement, Selection } from '../selection/types.ts';
import { strategyOf, wishOf } from '../selection/wish.ts';
import { type NicClaim, wantedIn } from './allocate.ts';

/** What is known of one network when NICs are chosen. */
export interface NetworkState {
  network: Network;
  /** status.interfaces of the MultiNicNetwork. */
  interfaces: readonly InterfaceIndex[];
}

/** What is known of the node that the pod goes to. */
export interface NodeState {
  name: string;
  host: HostInterfaceSpec | undefined;
  /** The node's host index in the network. */
  hostIndex: number | undefined;
  /** Addresses of hosts in the host subnets; they matter where the network has no pod subnet. */
  hostAddresses?: AddressIndex;
}

/** What an attachment asks for, and what is known for it. */
export interface NicChoice {
  request: NicRequest;
  /** Addresses that the pod asks for, one per NIC in interface order. */
  ips?: readonly string[] | undefined;
  /** What the pod's `class` names. */
  deviceClass?: DeviceClass | undefined;
  /** Where the pod's devices are, where the network's strategy looks at it. */
  placement?: DevicePlacement | undefined;
  /** What other attachments have of the node's NICs. */
  loads?: NicLoads;
  /** NICs that the attachment has already: it keeps them where they still are what it asks for. */
  held?: readonly AllocatedNic[] | undefined;
}

/** NICs that were chosen and the blocks that their addresses come from. */
export interface ChosenClaims {
  nics: NicClaim[];
  /** What a best-effort pod asked for and did not get. */
  short: string | undefined;
}

const unloaded: NicLoads = new Map();

/**
 * Chooses the NICs of one attachment on a node by the network's strategy, and the blocks that their addresses come from. A network whose
 * addresses another IPAM plugin gives gets NICs without blocks.
 * @throws MultiNicError MNN_NODE_NOT_READY, MNN_NODE_LACKS, MNN_NETWORK_NOT_READY, MNN_IPS_MANY
 */
export function claimsOnNode({ network, interfaces }: NetworkState, node: NodeState, choice: NicChoice): ChosenClaims {
  if (!node.host)
    throw new MultiNicError('MNN_NODE_NOT_READY', `node ${node.name} has no HostInterface, so its NICs are not known`);
  const selection = selectOnNode(network, node.host, choice);
  if (!selection.ok) {
    throw new MultiNicError('MNN_NODE_LACKS', `network ${network.name}: node ${node.name} lacks ${selection.lacks}`);
  }
  const { nics: chosen, short } = selection;
  const { ips = [] } = choice;
  const hostIndex = network.nodeIndependent ? 0 : node.hostIndex;
  const nics = chosen.map(({ member, promisedMbps }, i): NicClaim => {
    const claim = {
      master: member.nic.interfaceName,
      netAddress: member.netAddress,
      ...(promisedMbps > 0 && { promisedMbps }),
      ...wanted(ips, i, chosen.length),
    };
    if (!network.ownAddresses) return { ...claim, blocks: [] };
    const blocks = hostIndex === undefined ? [] : blocksOf(network, interfaces, member, hostIndex, node.hostAddresses);
    if (blocks.length === 0) {
      throw new MultiNicError(
        'MNN_NETWORK_NOT_READY',
        `network ${network.name} has no address block for ${member.nic.interfaceName} of node ${node.name}`,
      );
    }
    return { ...claim, blocks };
  });
  checkAllTaken(network, ips, nics);
  return { nics, short };
}

function selectOnNode(network: Network, host: HostInterfaceSpec, choice: NicChoice): Selection {
  const { request, deviceClass, placement, loads = unloaded, held = [] } = choice;
  const candidates = candidatesWith(network, candidatesOf(network, host), loads);
  const wish = wishOf(network, request, deviceClass, placement);
  const kept = held.length > 0 && stillMeets(held, candidates, wish);
  return kept ? { ok: true, nics: kept } : selectNics(strategyOf(network), candidates, wish);
}

/**
 * The same without a node, for a network whose addresses do not depend on it: the first NIC positions that hosts have. Undefined
 * where the choice needs the node after all: NICs asked for by name, a network without a pod subnet, or hosts that differ in these positions, of which
 * none may have what all have together.
 * @param kinds of each kind of hosts, its NICs in the network
 * @throws MultiNicError MNN_IPS_MANY
 */
export function claimsAnywhere(
  { network, interfaces }: NetworkState,
  request: NicRequest,
  ips: readonly string[],
  kinds: Iterable<readonly Position[]>,
): NicClaim[] | undefined {
  if (!network.nodeIndependent || network.subnets.length === 0 || request.masters || request.class) return undefined;
  // Which of the node's NICs are the cheapest or fastest is not known without it.
  if (request.nics !== undefined && looksAtBandwidth(strategyOf(network))) return undefined;
  const known = interfaces.filter(({ goneSince }) => goneSince === undefined);
  const count = request.nics ?? known.length;
  if (count === 0 || count > known.length) return undefined;
  const positions = known.slice(0, count);
  for (const nics of kinds)
    if (nics.length > 0 && !positions.every(position => nics.some(isAt(position)))) return undefined;
  const nics = positions.map((position, i) => ({
    netAddress: position.netAddress,
    blocks: blocksOf(network, interfaces, position, 0),
    ...wanted(ips, i, count),
  }));
  checkAllTaken(network, ips, nics);
  return nics;
}

/**
 * CONVENTIONS.md of CNI: addresses that are asked for are used, or the attachment fails. Here, that is, and not only on the pod's node.
 * @throws MultiNicError MNN_IPS_MANY
 */
function checkAllTaken(
  { name, ownAddresses }: Pick<Network, 'name' | 'ownAddresses'>,
  ips: readonly string[],
  nics: readonly NicClaim[],
): void {
  const taken = new Set(
    nics.flatMap(nic =>
      ownAddresses
        ? nic.blocks.flatMap(block => wantedIn(nic.wanted, block) ?? [])
        : (nic.wanted ?? []).map(withoutPrefix),
    ),
  );
  const left = ips.find(ip => !taken.has(withoutPrefix(ip)));
  if (left === undefined) return;
  const families = new Set(nics.flatMap(({ blocks }) => blocks.map(({ pod }) => pod.family)));
  const each =
    families.size === 0
      ? 'one address of a family'
      : `one ${[...families].map(family => `IPv${family}`).join(' and one ')} address`;
  const what =
    nics.length === 1
      ? `the pod's NIC does not take ${left}: it`
      : `none of the pod's ${nics.length} NICs takes ${left}: each`;
  throw new MultiNicError('MNN_IPS_MANY', `network ${name}: ${what} takes ${each}`);
}

/** Which NIC of a host it is: the n-th in this subnet. */
type Position = Pick<InterfaceIndex, 'netAddress' | 'ordinal'>;

function isAt({ netAddress, ordinal }: Position): (nic: Position) => boolean {
  return nic => nic.netAddress === netAddress && nic.ordinal === ordinal;
}

function wanted(ips: readonly string[], i: number, nics: number): { wanted?: string[] } {
  const own = wantedOfNic(ips, i, nics);
  return own.length > 0 ? { wanted: own } : {};
}

/** The addresses that are asked for the i-th of so many NICs: a single NIC gets all, else each the i-th of each family. */
export function wantedOfNic(ips: readonly string[], i: number, nics: number): string[] {
  if (nics === 1) return [...ips];
  const families = [ips.filter(ip => !ip.includes(':')), ips.filter(ip => ip.includes(':'))];
  return families.flatMap(list => list[i] ?? []);
}
