import { expect } from 'chai';
import fc from 'fast-check';
import { pino } from 'pino';
import { largeCluster } from '../../bench/support/largeCluster.ts';
import { PlannedCluster } from '../../bench/support/plannedView.ts';
import type { HostInterface, MultiNicNetwork } from '../../core/api/types.ts';
import { eventually } from '../../test/eventually.ts';
import { type HostProfile, HostProfiles } from './hostProfiles.ts';
import { ProfilePreparer } from './profilePreparer.ts';

const { network, hosts, pages } = largeCluster(300, 2);

/** The network for the first of the host's NICs, or for both; each another generation. */
function withNics(count: number): MultiNicNetwork {
  const masterNets = ['172.16.0.0/16', '172.17.0.0/16'].slice(0, count);
  const metadata = { ...network.metadata, generation: count };
  return { ...network, metadata, spec: { ...network.spec, masterNets } };
}

function withSpeed(host: HostInterface, speedMbps: number): HostInterface {
  const interfaces = host.spec.interfaces.map(nic => ({ ...nic, speedMbps }));
  return { ...host, spec: { ...host.spec, interfaces } };
}

const few = hosts.slice(0, 4);
const anyHost = fc.nat(few.length - 1);
const step = fc.oneof(
  fc.record({ kind: fc.constant('host' as const), host: anyHost, speed: fc.constantFrom(1, 2) }),
  fc.record({ kind: fc.constant('gone' as const), host: anyHost }),
  fc.record({ kind: fc.constant('network' as const), nics: fc.constantFrom(1, 2) }),
  fc.record({ kind: fc.constant('prepare' as const), most: fc.nat(3) }),
  fc.record({ kind: fc.constant('ask' as const) }),
);

function take(
  cluster: PlannedCluster,
  profiles: HostProfiles,
  change: typeof step extends fc.Arbitrary<infer T> ? T : never,
) {
  const known = cluster.view.mustHave(network.metadata.name);
  switch (change.kind) {
    case 'host':
      cluster.setHost(withSpeed(few[change.host]!, change.speed));
      break;
    case 'gone':
      cluster.deleteHost(few[change.host]!.metadata.name);
      break;
    case 'network':
      cluster.setNetwork(withNics(change.nics));
      break;
    case 'prepare':
      profiles.prepare(known, change.most);
      break;
    case 'ask':
      profiles.of(known);
      break;
  }
}

const text = (profiles: Iterable<HostProfile>): string[] =>
  Array.from(profiles, ({ members, hosts: of }) =>
    JSON.stringify([members.map(({ nic }) => [nic.interfaceName, nic.speedMbps]), [...of].sort()]),
  ).sort();

describe('HostProfiles', () => {
  it('equal after any changes those made from scratch, however many were prepared', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), steps => {
        const cluster = new PlannedCluster();
        cluster.setNetwork(withNics(2));
        const profiles = new HostProfiles(cluster.view);
        for (const change of steps) take(cluster, profiles, change);
        const known = cluster.view.mustHave(network.metadata.name);
        expect(text(profiles.of(known))).to.deep.equal(text(new HostProfiles(cluster.view).of(known)));
      }),
    );
  });

  it('stay where hosts get their indexes, of which a new network gives each host one', () => {
    const cluster = new PlannedCluster();
    cluster.setNetwork(withNics(2));
    for (const host of hosts) cluster.setHost(host);
    const profiles = new HostProfiles(cluster.view);
    const known = cluster.view.mustHave(network.metadata.name);
    profiles.of(known);
    for (const page of pages) cluster.setPage(page);
    expect(profiles.prepare(known, 0), 'whether hosts are left to look at').to.equal(false);
  });

  it('are prepared when a network or hosts have changed, before anybody asks', async () => {
    const cluster = new PlannedCluster();
    const profiles = new HostProfiles(cluster.view);
    const stopping = new AbortController();
    const preparer = new ProfilePreparer({ view: cluster.view, profiles, logger: pino({ level: 'silent' }) });
    const ended = preparer.start(stopping.signal);
    const isLeft = (): boolean => profiles.prepare(cluster.view.mustHave(network.metadata.name), 0);
    const prepared = (what: string): Promise<unknown> => eventually(what, () => !isLeft());
    try {
      for (const host of hosts) cluster.setHost(host);
      cluster.setNetwork(withNics(1));
      await prepared('the profiles of a new network');
      cluster.setNetwork(withNics(2));
      await prepared('the profiles of a changed network');
      for (const host of hosts) cluster.setHost(withSpeed(host, 1));
      expect(isLeft()).to.equal(true);
      await prepared('the profiles of changed hosts');
    } finally {
      stopping.abort();
      await ended;
    }
  });
});
