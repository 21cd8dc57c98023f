import type { HostInterfaceSpec, InterfaceIndex } from '../api/types.ts';
import type { IPPoolSpec } from '../api/types.ts';
import { podName } from '../audit/view.ts';
import { MultiNicError } from '../errors.ts';
import { type Block, blocksOf } from '../layout/hostBlocks.ts';
import { membersOf } from '../layout/members.ts';
import { compareNaturally } from '../naturalOrder.ts';
import { tryParseAddress } from '../net/address.ts';
import { contains, formatCidr, type IpCidr, tryParseCidr } from '../net/cidr.ts';
import type { Claim, NicClaim } from '../pool/allocate.ts';
import type { NetworkState } from '../pool/claim.ts';
import { nodePoolName, pagePoolName } from '../pool/name.ts';
import { pageNumber } from '../pool/pages.ts';
import { attachmentsOf, type ImportedPod, type PodAttachment } from './attachments.ts';
import type { OldCidr, OldPool } from './objects.ts';

export interface ImportInput {
  /** The network, with the interface indexes that it has already. */
  state: NetworkState;
  /** Host indexes that the network's pages have already. */
  hostIndexes: ReadonlyMap<string, number>;
  cidr: OldCidr;
  /** Of this network. */
  pools: readonly OldPool[];
  /** By name. */
  hosts: ReadonlyMap<string, HostInterfaceSpec>;
  /** All pods that have a node and have not ended. */
  pods: readonly ImportedPod[];
}

/** A record to be written. */
export interface PlannedRecord {
  pool: { name: string; spec: IPPoolSpec };
  claim: Claim;
}

/** What makes one network of ours of one of the predecessor's. */
export interface ImportPlan {
  interfaces: InterfaceIndex[];
  hostIndexes: ReadonlyMap<string, number>;
  records: PlannedRecord[];
  /** Records whose pod is gone, ended, on another node, or has other addresses. */
  dropped: string[];
  /** What cannot be kept. Nothing may be written where there is any: new pods would get addresses that are in use. */
  refusals: MultiNicError[];
}

/** A block of the predecessor's. */
interface OldBlock {
  host: string;
  hostIndex: number;
  interfaceName: string;
  netAddress: string;
  pod: IpCidr;
}

/** An attachment of a pod with addresses of the network. */
interface Use {
  pod: ImportedPod & { node: string };
  attachment: PodAttachment;
}

/**
 * Plans the import of one network: interface and host indexes as they were, so that every block stays where it is, and a record for each
 * attachment of a pod that exists. Indexes that the network has already are kept.
 */
export function planImport(input: ImportInput): ImportPlan {
  const { state, cidr, pools } = input;
  const blocks = oldBlocks(cidr);
  const uses = usesOf(input);
  const interfaces = interfacesOf(state, cidr);
  const hostIndexes = state.network.nodeIndependent ? new Map<string, number>() : hostIndexesOf(input, blocks, uses);
  const refusals: MultiNicError[] = [];
  const records: PlannedRecord[] = [];
  const users = new Map<string, string>();
  for (const use of uses) {
    try {
      const record = recordOf({ ...input, state: { ...state, interfaces }, hostIndexes }, blocks, use);
      claimAddresses(users, state.network.name, use);
      records.push(record);
    } catch (error) {
      if (!(error instanceof MultiNicError)) throw error;
      refusals.push(error);
    }
  }
  const kept = new Set(uses.flatMap(({ pod, attachment }) => attachment.addresses.map(a => `${podName(pod)} ${a}`)));
  const dropped = pools.flatMap(({ spec }) =>
    (spec.allocations ?? [])
      .map(({ namespace, pod, address }) => `${podName({ namespace, name: pod })} ${address}`)
      .filter(entry => !kept.has(entry)),
  );
  return { interfaces, hostIndexes, records, dropped: [...new Set(dropped)], refusals };
}

function oldBlocks({ metadata, spec }: OldCidr): OldBlock[] {
  return (spec.cidr ?? []).flatMap(({ netAddress, hosts }) =>
    (hosts ?? []).map(({ hostName, hostIndex, interfaceName, podCIDR }) => {
      const pod = tryParseCidr(podCIDR);
      const net = tryParseCidr(netAddress);
      if (pod && net) return { host: hostName, hostIndex, interfaceName, netAddress: formatCidr(net), pod };
      throw new MultiNicError(
        'MNN_IMPORT_UNREADABLE',
        `cidr ${metadata.name}: "${podCIDR}" of ${hostName} in "${netAddress}"`,
      );
    }),
  );
}

function usesOf({ state, pools, pods }: ImportInput): Use[] {
  const recorded = new Map<string, string[]>();
  const key = (namespace: string, name: string, node: string): string => `${namespace}/${name} ${node}`;
  for (const { spec } of pools) {
    for (const { namespace, pod, address } of spec.allocations ?? []) {
      const at = key(namespace, pod, spec.hostName);
      // The operator sometimes wrote a record twice.
      recorded.set(at, [...new Set([...(recorded.get(at) ?? []), address])]);
    }
  }
  return pods.flatMap((pod): Use[] => {
    const { node, endedAt } = pod;
    if (node === undefined || endedAt !== undefined) return [];
    const own = recorded.get(key(pod.namespace, pod.name, node)) ?? [];
    return attachmentsOf(pod, state.network.name, own.toSorted(compareNaturally)).map(attachment => ({
      pod: { ...pod, node },
      attachment,
    }));
  });
}

/** The predecessor numbered host subnets, of which a host had one NIC each. */
function interfacesOf({ network, interfaces }: NetworkState, { spec }: OldCidr): InterfaceIndex[] {
  const all = [...interfaces];
  // Without a pod subnet, indexes are in no block.
  for (const { netAddress, interfaceIndex } of network.subnets.length === 0 ? [] : (spec.cidr ?? [])) {
    const net = tryParseCidr(netAddress);
    if (!net) continue;
    const entry = { index: interfaceIndex, netAddress: formatCidr(net), ordinal: 0 };
    const isKnown = all.some(e => e.index === entry.index || (e.netAddress === entry.netAddress && e.ordinal === 0));
    if (!isKnown) all.push(entry);
  }
  return all.sort((a, b) => a.index - b.index);
}

/**
 * A host may have had another index on each of its NICs; here it has one. It gets the one under which most of its pods' addresses are, and
 * where another host needs that more, the next.
 */
function hostIndexesOf(
  { hostIndexes }: ImportInput,
  blocks: readonly OldBlock[],
  uses: readonly Use[],
): Map<string, number> {
  const chosen = new Map(hostIndexes);
  const taken = new Set(hostIndexes.values());
  const usesOn = Map.groupBy(uses, ({ pod }) => pod.node);
  const weights = new Map<string, { host: string; index: number; weight: number }>();
  for (const { host, hostIndex: index, pod } of blocks) {
    const addresses = (usesOn.get(host) ?? []).flatMap(({ attachment }) => attachment.addresses);
    const here = addresses.filter(address => isIn(pod, address)).length;
    const weight = here + (weights.get(`${host} ${index}`)?.weight ?? 0);
    weights.set(`${host} ${index}`, { host, index, weight });
  }
  for (const { host, index } of [...weights.values()].sort((a, b) => b.weight - a.weight)) {
    if (chosen.has(host) || taken.has(index)) continue;
    chosen.set(host, index);
    taken.add(index);
  }
  return chosen;
}

/** @throws MultiNicError MNN_IMPORT_BLOCK, MNN_IMPORT_INTERFACE */
function recordOf(input: ImportInput, blocks: readonly OldBlock[], { pod, attachment }: Use): PlannedRecord {
  const { state } = input;
  const { network } = state;
  const { interface: ifname, addresses } = attachment;
  if (ifname === undefined) {
    const detail = `network ${network.name}: it is not known which interface of ${podName(pod)} has ${addresses.join(', ')}`;
    throw new MultiNicError('MNN_IMPORT_INTERFACE', detail);
  }
  const nics = addresses.map(address => {
    const old = blocks.find(block => block.host === pod.node && isIn(block.pod, address));
    return claimOf(input, pod, address, old);
  });
  const { uid: podUID, namespace, name, node } = pod;
  const claimant = { podUID, namespace, name, interface: ifname };
  if (!network.nodeIndependent) {
    const own = blocks.filter(({ host }) => host === node).map(block => formatCidr(block.pod));
    const spec = { network: network.name, hostName: node, blocks: own };
    return { pool: { name: nodePoolName(network.name, node), spec }, claim: { claimant, nics } };
  }
  const pages = new Set(nics.flatMap(nic => nic.blocks.map(block => pageNumber(block.pod, valueOf(nic.wanted?.[0])))));
  const [page = 0] = pages;
  if (pages.size > 1) {
    const detail = `network ${network.name}: ${podName(pod)} has ${addresses.join(', ')}, which are of different pages`;
    throw new MultiNicError('MNN_IMPORT_BLOCK', detail);
  }
  const spec = { network: network.name, page, blocks: nics.flatMap(nic => nic.blocks.map(b => formatCidr(b.pod))) };
  return { pool: { name: pagePoolName(network.name, page), spec }, claim: { claimant, nics, page } };
}

/** @throws MultiNicError MNN_IMPORT_BLOCK where the layout does not give that block to that NIC */
function claimOf(input: ImportInput, pod: Use['pod'], address: string, old: OldBlock | undefined): NicClaim {
  const { network } = input.state;
  const what = `network ${network.name}: ${podName(pod)} has ${address}`;
  if (!old) throw new MultiNicError('MNN_IMPORT_BLOCK', `${what}, which no block of node ${pod.node} has`);
  const now = blockNow(input, old);
  if (now && isIn(now.pod, address)) {
    return { master: old.interfaceName, netAddress: old.netAddress, blocks: [now], wanted: [address] };
  }
  const [owner] = [...input.hostIndexes].find(([, index]) => index === old.hostIndex) ?? [];
  const why = owner === undefined || owner === old.host ? '' : `: its index ${old.hostIndex} is that of ${owner} here`;
  const place = `has ${now ? formatCidr(now.pod) : 'none'}${why}`;
  const detail = `${what} of ${formatCidr(old.pod)}, but by the network's layout ${old.interfaceName} of node ${pod.node} ${place}`;
  throw new MultiNicError('MNN_IMPORT_BLOCK', detail);
}

/** The block that the NIC of an old one has by the layout; the predecessor had IPv4 only. */
function blockNow({ state, hostIndexes, hosts }: ImportInput, old: OldBlock): Block | undefined {
  const { network, interfaces } = state;
  const hostIndex = network.nodeIndependent ? 0 : hostIndexes.get(old.host);
  if (hostIndex === undefined) return undefined;
  const host = hosts.get(old.host);
  const member = host && membersOf(network, host).find(({ nic }) => nic.interfaceName === old.interfaceName);
  const position = { netAddress: old.netAddress, ordinal: member?.ordinal ?? 0 };
  return blocksOf(network, interfaces, position, hostIndex).find(({ pod }) => pod.family === 4);
}

/** @throws MultiNicError MNN_IMPORT_TWICE */
function claimAddresses(users: Map<string, string>, network: string, { pod, attachment }: Use): void {
  for (const address of attachment.addresses) {
    const other = users.get(address);
    if (other !== undefined) {
      throw new MultiNicError(
        'MNN_IMPORT_TWICE',
        `network ${network}: ${other} and ${podName(pod)} both have ${address}`,
      );
    }
    users.set(address, podName(pod));
  }
}

function isIn(block: IpCidr, text: string): boolean {
  const address = tryParseAddress(text);
  return address !== undefined && contains(block, address);
}

function valueOf(text: string | undefined): bigint {
  return tryParseAddress(text ?? '')?.value ?? 0n;
}
