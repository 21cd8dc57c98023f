import fc from 'fast-check';
import { apiVersion } from '../../core/api/names.ts';
import type { Allocation } from '../../core/api/types.ts';
import { audit } from '../../core/audit/audit.ts';
import type {
  AuditedNetwork,
  AuditedPod,
  AuditedPool,
  AuditFinding,
  AuditInput,
  FindingKind,
} from '../../core/audit/types.ts';
import { readNetwork } from '../../core/network/network.ts';
import { allocate } from '../../core/pool/allocate.ts';
import { claimsAnywhere, claimsOnNode } from '../../core/pool/claim.ts';
import { emptyPool, type PoolContent } from '../../core/pool/content.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
/** So many seconds after the pods of a site were made. */
export const at = (seconds: number): Date => new Date(start + seconds * 1000);
export const rules = { graceMs: 60_000, reservationMs: 60_000 };

export const interfaces = [1, 2].map(n => ({ index: n - 1, netAddress: `172.20.${n}.0/24`, ordinal: 0 }));
export const hostIndexes = new Map([
  ['n-0', 0],
  ['n-1', 1],
]);

function networkOf(name: string, subnet: string, hostBlock: number): AuditedNetwork {
  const ipam = JSON.stringify({ type: 'multi-nic-ipam', hostBlock, interfaceBlock: 2 });
  const plugin = { cniVersion: '1.0.0', type: 'macvlan' };
  const object = { apiVersion, kind: 'MultiNicNetwork', metadata: { name }, spec: { subnet, ipam, plugin } };
  return { network: readNetwork(object), interfaces, hostIndexes };
}

export const networks = new Map([
  ['blocks', networkOf('blocks', '10.200.0.0/16', 6)],
  ['pages', networkOf('pages', '10.201.0.0/20', 0)],
]);

/** What admission makes of pods at second 0: each given by its node and its network. Everything agrees. */
export function site(wanted: readonly { node: string; network: string }[]): AuditInput {
  const contents = new Map<string, { pool: Omit<AuditedPool, 'allocations'>; content: PoolContent }>();
  const pods = wanted.map(({ node, network }, i): AuditedPod => {
    const known = networks.get(network)!;
    const nics = interfaces.map(({ netAddress }, n) => ({ interfaceName: `eth${n + 1}`, netAddress }));
    const state = { name: node, host: { hostName: node, interfaces: nics }, hostIndex: hostIndexes.get(node) };
    const claims = claimsAnywhere(known, {}, [], []) ?? claimsOnNode(known, state, { request: {} }).nics;
    const isPage = known.network.nodeIndependent;
    const name = isPage ? `${network}.page.0` : `${network}.${node}`;
    const spec = isPage ? { network, page: 0, blocks: [] } : { network, hostName: node, blocks: [] };
    const before = contents.get(name) ?? { pool: { name, spec, unreadable: [] }, content: emptyPool };
    const claimant = { podUID: `uid-${i}`, namespace: 'ns', name: `p-${i}`, interface: 'net1' };
    const claim = { claimant, nics: claims, ...(isPage && { page: 0 }) };
    const grant = allocate(before.content, claim, { now: at(0), coolDownMs: 60_000 });
    if (!grant.ok || !grant.content) throw new Error('no address for a pod of the test');
    contents.set(name, { ...before, content: grant.content });
    const links = grant.allocation.nics.map(({ addresses }, n) => ({ network, interface: `net1-${n}`, addresses }));
    return {
      uid: claimant.podUID,
      namespace: 'ns',
      name: claimant.name,
      node,
      isRunning: true,
      attachments: [{ network, interface: 'net1', nics: grant.allocation.nics }],
      macs: [],
      interfaces: links,
    };
  });
  const pools = [...contents.values()].map(({ pool, content }) => ({ ...pool, allocations: content.allocations }));
  return { pods, pools, networks, nodes: new Map([...hostIndexes.keys()].map(name => [name, true])) };
}

export const wantedPods = fc.array(
  fc.record({ node: fc.constantFrom('n-0', 'n-1'), network: fc.constantFrom('blocks', 'pages') }),
  { minLength: 1, maxLength: 20 },
);
/** A site, and one of its pods. */
export const anySite = fc
  .tuple(wantedPods, fc.nat())
  .map(([wanted, n]) => ({ input: site(wanted), chosen: site(wanted).pods[n % wanted.length]! }));

export const run = (input: AuditInput, seconds = 3600): AuditFinding[] => audit(input, { ...rules, now: at(seconds) });
export const kinds = (findings: readonly AuditFinding[]): FindingKind[] => [
  ...new Set(findings.map(({ kind }) => kind)),
];
export const without = (input: AuditInput, uid: string): AuditInput => ({
  ...input,
  pods: input.pods.filter(pod => pod.uid !== uid),
});
export const withPod = (input: AuditInput, changed: AuditedPod): AuditInput => ({
  ...input,
  pods: input.pods.map(pod => (pod.uid === changed.uid ? changed : pod)),
});
/** The pod's record, changed; an empty list takes it away. */
export const withRecord = (
  input: AuditInput,
  uid: string,
  change: (record: Allocation) => Allocation[],
): AuditInput => ({
  ...input,
  pools: input.pools.map(pool => ({
    ...pool,
    allocations: pool.allocations.flatMap(record => (record.podUID === uid ? change(record) : [record])),
  })),
});
