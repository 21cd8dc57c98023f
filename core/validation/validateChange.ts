import type { Allocation, HostInterfaceSpec, MultiNicNetwork } from '../api/types.ts';
import type { IpAddress } from '../net/address.ts';
import { compareCidrs, contains, formatCidr } from '../net/cidr.ts';
import { tryAddressOf } from '../net/interfaceAddress.ts';
import { error, type Finding, warning } from '../network/finding.ts';
import { appliesTo } from '../network/network.ts';
import { nicConflict, nicUse } from '../network/nicUse.ts';
import { cidrsOf, type Draft, readDraft } from './draft.ts';
import { podCount, somePods } from './holders.ts';
import { type LostRoutes, lostRoutes, warnOfLostRoutes } from './validateLostRoutes.ts';

/** A part of the layout that differs: addresses would move. */
export interface LayoutChange {
  path: string;
  detail: string;
}

/** What a change of specification does to addresses. */
export interface SpecChange {
  /** Parts that no address in use survives. */
  layout: LayoutChange[];
  /** Whether excludes were added, which matters to the addresses that they cover. */
  excludes: boolean;
  /** Whether routes between nodes may go. */
  routes?: LostRoutes;
  /** Why interfaces of the new kind cannot be on a NIC beside those of pods that run, in words. */
  nicConflict?: string;
  /** Whether it may not apply any more to namespaces to which it applied. */
  leavesNamespaces?: boolean;
}

/** Compares two versions; texts that mean the same network are the same. */
export function compareSpecs(before: MultiNicNetwork, after: MultiNicNetwork): SpecChange {
  const [old, now] = [readDraft(before), readDraft(after)];
  if (!old.ownAddresses || !old.ipam) return { layout: [], excludes: false };
  const layout: LayoutChange[] = [];
  const compare = (path: string, name: string, was: string | number, is: string | number | undefined): void => {
    if (was !== is)
      layout.push({ path, detail: `${name} cannot change from ${was || '""'} to ${is === '' ? '""' : (is ?? '""')}` });
  };
  compare('spec.subnet', 'it', subnetText(old), subnetText(now));
  compare('spec.ipam', 'type', old.ipam.type, now.ipam?.type);
  if (now.ownAddresses) {
    compare('spec.ipam', 'interfaceBlock', old.ipam.interfaceBlock, now.ipam?.interfaceBlock);
    compare('spec.ipam', 'hostBlock', old.ipam.hostBlock, now.ipam?.hostBlock);
  }
  const known = new Set(cidrsOf(old.excludes).map(formatCidr));
  // What is refused needs no warning.
  const isRefused = layout.length > 0;
  const routes = isRefused ? undefined : lostRoutes(old, now);
  const conflict = isRefused ? undefined : conflictOf(old, now);
  return {
    layout,
    excludes: cidrsOf(now.excludes).some(exclude => !known.has(formatCidr(exclude))),
    ...(routes && { routes }),
    ...(conflict !== undefined && { nicConflict: conflict }),
    ...(!isRefused && leavesNamespaces(old, now) && { leavesNamespaces: true }),
  };
}

/** What uses a network that is to be changed. */
export interface NetworkUse {
  /** Of all its pools. */
  allocations: readonly Allocation[];
  hosts: readonly HostInterfaceSpec[];
}

/** Refuses what would move addresses that pods hold, and warns of what cuts them off. */
export function validateChange(
  after: MultiNicNetwork,
  change: SpecChange,
  { allocations, hosts }: NetworkUse,
): Finding[] {
  const held = allocations.filter(({ state }) => state !== 'Released');
  const pods = podCount(held);
  if (pods === 0) return [];
  const use = `while ${pods} ${pods === 1 ? 'pod holds' : 'pods hold'} addresses of the network`;
  const findings = change.layout.map(({ path, detail }) => error('MNN_IN_USE', path, `${detail} ${use}`));
  if (change.excludes) findings.push(...checkExcludes(readDraft(after), held));
  if (change.nicConflict !== undefined) findings.push(warnOfConflict(change.nicConflict, held));
  if (change.leavesNamespaces) findings.push(...warnOfNamespaces(after, held));
  if (change.routes) findings.push(...warnOfLostRoutes(readDraft(after), change.routes, held, hosts));
  return findings;
}

/**
 * Refuses to delete a network, or a pool of it, while pods hold addresses of it. Its records would go with it, so if it were made again, which takes one
 * command, other pods would get the same addresses.
 * @param allocations of one pool or more
 */
export function validateDeletion(allocations: readonly Allocation[]): Finding[] {
  const held = allocations.filter(({ state, nics }) => state !== 'Released' && addressesIn(nics).length > 0);
  const [first] = held;
  if (!first) return [];
  const detail = `pod ${first.namespace}/${first.name} and maybe others hold its addresses, which other pods would get after a deletion`;
  return [error('MNN_IN_USE', 'metadata.name', detail)];
}

function leavesNamespaces(old: Draft, now: Draft): boolean {
  const { namespaces: were = [] } = old.spec;
  const { namespaces: are = [] } = now.spec;
  return are.length > 0 && (were.length === 0 || were.some(name => !are.includes(name)));
}

/** Their kubelet may have to make their sandbox again, and then the node refuses them. */
function warnOfNamespaces({ spec }: MultiNicNetwork, held: readonly Allocation[]): Finding[] {
  const left = held.filter(({ namespace }) => !appliesTo(spec, namespace));
  if (left.length === 0) return [];
  const pods = podCount(left);
  const whose = `${pods} ${pods === 1 ? 'pod has' : 'pods have'} addresses there (${somePods(left)})`;
  const detail = `leaves out namespaces whose pods run on, but do not start again once their node was rebooted: ${whose}`;
  return [warning('MNN_IN_USE', 'spec.namespaces', detail)];
}

function conflictOf(old: Draft, now: Draft): string | undefined {
  const [was, is] = [old, now].map(({ spec, ipam }) => nicUse(spec.plugin, ipam?.vlanMode ?? ''));
  return was && is && nicConflict(is, was);
}

/** A Deployment that is rolled out then waits for its own pods, unless it may end some first. */
function warnOfConflict(why: string, held: readonly Allocation[]): Finding {
  const pods = podCount(held);
  const whose = `${pods} ${pods === 1 ? 'pod has' : 'pods have'} interfaces (${somePods(held)})`;
  const detail = `${why}, so on the nodes of pods that run new ones start only when these have ended: ${whose}`;
  return warning('MNN_IN_USE', 'spec.plugin', detail);
}

function checkExcludes({ excludes }: Draft, held: readonly Allocation[]): Finding[] {
  return excludes.flatMap(({ path, text, cidr }) => {
    if (!cidr) return [];
    const covered = held.filter(({ nics }) => addressesIn(nics).some(address => contains(cidr, address)));
    if (covered.length === 0) return [];
    const pods = podCount(covered);
    const whose = `${pods} ${pods === 1 ? 'pod' : 'pods'} (${somePods(covered)})`;
    return [error('MNN_IN_USE', path, `excludeCIDRs: ${text} covers addresses of ${whose}`)];
  });
}

function addressesIn(nics: Allocation['nics']): IpAddress[] {
  return nics.flatMap(nic => nic.addresses.flatMap(text => tryAddressOf(text) ?? []));
}

/** The subnets in one order and spelling. */
function subnetText({ subnets }: Draft): string {
  return cidrsOf(subnets).sort(compareCidrs).map(formatCidr).join(',');
}
