import type { Allocation, HostInterface, MultiNicNetwork } from '../core/api/types.ts';
import { claimsOnNode } from '../core/pool/claim.ts';
import { candidatesOf } from '../core/selection/candidates.ts';
import { loadsOf } from '../core/selection/loads.ts';
import { wishOf } from '../core/selection/wish.ts';
import { type HostProfile, HostProfiles } from '../kube/view/hostProfiles.ts';
import { hostsATurn } from '../kube/view/profilePreparer.ts';
import { checkAnyNodeFits } from '../webhook/pods/fit.ts';
import { type Reporter, runBenchmark } from './frame.ts';
import { hostName, largeCluster } from './support/largeCluster.ts';
import { PlannedCluster } from './support/plannedView.ts';

const hosts = 5000;
const nics = 8;
/** Kinds of nodes: other speeds, and links that are down. */
const kinds = 24;
const speeds = [10_000, 25_000, 40_000, 100_000];
const goal = { of: 'value', atMost: 1 } as const;

/** CPU time of one call in this process, ms. */
function cpuOf(count: number, work: (i: number) => unknown): number {
  for (let i = 0; i < Math.ceil(count / 10); i++) work(i);
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) work(i);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / count;
}

/** CPU time of each turn of some work, until there is nothing left to do, ms. */
function turnsOf(work: () => boolean): number[] {
  const turns: number[] = [];
  for (let left = true; left;) {
    const before = process.cpuUsage();
    left = work();
    const { user, system } = process.cpuUsage(before);
    turns.push((user + system) / 1000);
  }
  return turns;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** A host of one of so many kinds: its number says which speeds its NICs have, and which is down. */
function ofKind(host: HostInterface, kind: number): HostInterface {
  const interfaces = host.spec.interfaces.map((nic, n) => ({
    ...nic,
    speedMbps: (speeds[(kind + n) % speeds.length] ?? 0) + (kind >> 3),
    linkState: kind % nics === n ? ('down' as const) : ('up' as const),
  }));
  return { ...host, spec: { ...host.spec, interfaces } };
}

function clusterOf(kindOf: (index: number) => number): PlannedCluster {
  const { network, hosts: all, pages } = largeCluster(hosts, nics);
  const cluster = new PlannedCluster();
  cluster.setNetwork(withPolicy(network));
  for (const page of pages) cluster.setPage(page);
  for (const [i, host] of all.entries()) cluster.setHost(ofKind(host, kindOf(i)));
  return cluster;
}

function withPolicy(network: MultiNicNetwork): MultiNicNetwork {
  return { ...network, spec: { ...network.spec, attachPolicy: { strategy: 'costOpt', target: '300Gbps' } } };
}

/** Whether any node can serve a pod, as admission asks it. A refusal counts as an answer. */
function fits(cluster: PlannedCluster, target: string, profiles: (known: Known) => Iterable<HostProfile>): void {
  const known = cluster.view.mustHave('train-net');
  try {
    checkAnyNodeFits(known.state.network, wishOf(known.state.network, { target }), profiles(known));
  } catch (error) {
    if (!String(error).includes('MNN_NO_NODE_FITS')) throw error;
  }
}

type Known = ReturnType<PlannedCluster['view']['mustHave']>;

/** The baseline: every host is looked at for every pod. */
function* oneByOne(cluster: PlannedCluster, { state }: Known): Generator<HostProfile> {
  for (const { metadata, spec } of cluster.view.hosts()) {
    yield { members: candidatesOf(state.network, spec), hosts: new Set([metadata.name]) };
  }
}

function create(report: Reporter): void {
  const cluster = clusterOf(index => index % kinds);
  const profiles = new HostProfiles(cluster.view);
  const byKind = (known: Known): Iterable<HostProfile> => profiles.of(known);
  const one = (known: Known): Iterable<HostProfile> => oneByOne(cluster, known);
  const against = 'each host looked at';
  const fresh = new HostProfiles(cluster.view);
  const turns = turnsOf(() => fresh.prepare(cluster.view.mustHave('train-net'), hostsATurn));
  report('all hosts after the network has changed, outside of requests', { value: sum(turns), unit: 'ms' });
  report('the longest that a request waits for it', { value: Math.max(...turns), unit: 'ms' });
  const first = cpuOf(1, () => {
    fits(cluster, '300Gbps', known => fresh.of(known));
  });
  report('the first pod after that', { value: first, unit: 'ms', goal });
  const served = cpuOf(2000, () => {
    fits(cluster, '300Gbps', byKind);
  });
  report('a pod that nodes can serve', {
    ...{ value: served, unit: 'ms', against, goal },
    baseline: cpuOf(2000, () => {
      fits(cluster, '300Gbps', one);
    }),
  });
  const refused = cpuOf(1000, () => {
    fits(cluster, '900Gbps', byKind);
  });
  report('a pod that no node can serve', {
    ...{ value: refused, unit: 'ms', against, goal },
    baseline: cpuOf(10, () => {
      fits(cluster, '900Gbps', one);
    }),
  });
  const { hosts: all } = largeCluster(hosts, nics);
  const changing = cpuOf(1000, i => {
    const host = all[i % hosts];
    if (host) cluster.setHost(ofKind(host, i % kinds));
    fits(cluster, '900Gbps', byKind);
  });
  report('the same, after a host has changed', { value: changing, unit: 'ms', goal });
}

/** What a bind adds: the NICs of one node, with what 100 pods were promised there. */
function bind(report: Reporter): void {
  const cluster = clusterOf(index => index % kinds);
  const known = cluster.view.mustHave('train-net');
  const { network } = known.state;
  const records = Array.from({ length: 100 }, (_, i): Allocation => ({
    ...{ podUID: `u-${i}`, namespace: 'n', name: `p-${i}`, interface: 'net1', state: 'Allocated', since: '' },
    nics: [{ master: `eth${(i % nics) + 1}`, netAddress: '', addresses: [], promisedMbps: 100 }],
  }));
  const choose = (strategy: 'none' | 'costOpt'): number => {
    const spec = { ...network.spec, attachPolicy: { strategy } };
    const state = { ...known.state, network: { ...network, spec } };
    return cpuOf(5000, i => {
      const node = cluster.view.nodeState(known, hostName(i % hosts));
      const request = strategy === 'none' ? { nics: 4 } : { target: '150Gbps' };
      claimsOnNode(state, node, { request, loads: strategy === 'none' ? new Map() : loadsOf(network, records) });
    });
  };
  report('the NICs of one node, costOpt', {
    ...{ value: choose('costOpt'), unit: 'ms', against: 'none', goal },
    baseline: choose('none'),
  });
}

await runBenchmark({
  name: 'selection',
  about: `CPU time of choosing among ${hosts} nodes of ${nics} NICs, of ${kinds} kinds, for one admission request`,
  limitSeconds: 120,
  run: report => {
    create(report);
    bind(report);
    return Promise.resolve();
  },
});
