import { expect } from 'chai';
import { apiVersion } from '../api/names.ts';
import type { HostInterface, MultiNicNetwork, MultiNicNetworkStatus } from '../api/types.ts';
import { type Network, readNetwork } from '../network/network.ts';
import { capacityState, type HostCapacity } from './capacity.ts';
import { mergeConditions } from './condition.ts';
import { type DefinitionsState, definitionsSummary, type DevicesProblem } from './definitions.ts';
import { type Allocated, hostsState } from './hosts.ts';
import { layoutProblem } from './layoutProblem.ts';
import { networkStatus, sameButCounts, sameStatus, unusableStatus } from './networkStatus.ts';
import { routeState } from './routes.ts';
import { hostsApart, surveyHosts } from './survey.ts';

const now = new Date('2026-05-01T10:00:00.500Z');

function network(ipam: object = {}, spec: Partial<MultiNicNetwork['spec']> = {}): Network {
  return readNetwork({
    apiVersion,
    kind: 'MultiNicNetwork',
    metadata: { name: 'net' },
    spec: {
      subnet: '10.200.0.0/16',
      masterNets: ['172.20.2.0/24', '172.20.0.0/23'],
      ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 6, interfaceBlock: 2, ...ipam }),
      plugin: { cniVersion: '1.0.0', type: 'ipvlan' },
      ...spec,
    },
  });
}

function host(
  name: string,
  netAddresses: string[],
  routes?: { status: 'True' | 'False' | 'Unknown'; message?: string },
): HostInterface {
  const condition = routes && {
    type: 'RoutesProgrammed',
    reason: 'Test',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
    ...routes,
  };
  return {
    apiVersion,
    kind: 'HostInterface',
    metadata: { name },
    spec: {
      hostName: name,
      interfaces: netAddresses.map((netAddress, i) => ({ interfaceName: `eth${i}`, netAddress })),
    },
    ...(condition && { status: { conditions: [condition] } }),
  };
}

const one = '172.20.1.0/24';
const two = '172.20.2.0/24';

describe('surveyHosts', () => {
  it('counts hosts a subnet and lists NIC positions in the order of masterNets, then of addresses', () => {
    const hosts = [
      host('b', [one, one, two]),
      host('a', [two, '172.20.0.0/24']),
      host('c', ['10.0.0.0/8']),
      host('d', []),
    ];
    const survey = surveyHosts(network(), hosts);
    expect(survey).to.deep.include({ hosts: 4, withNics: 3 });
    expect(survey.members.map(({ host }) => host.metadata.name)).to.deep.equal(['a', 'b']);
    expect(survey.perSubnet).to.deep.equal([
      { netAddress: two, numOfHosts: 2 },
      { netAddress: '172.20.0.0/24', numOfHosts: 1 },
      { netAddress: one, numOfHosts: 1 },
    ]);
    expect(survey.positions).to.deep.equal([
      { netAddress: two, ordinal: 0 },
      { netAddress: '172.20.0.0/24', ordinal: 0 },
      { netAddress: one, ordinal: 0 },
      { netAddress: one, ordinal: 1 },
    ]);
  });
});

describe('mergeConditions', () => {
  const condition = { type: 'Ready', status: 'True' as const, reason: 'Ready', message: 'now' };
  const stored = [
    { ...condition, message: 'before', lastTransitionTime: '2026-01-01T00:00:00Z' },
    { ...condition, type: 'Other', lastTransitionTime: '2026-01-02T00:00:00Z' },
  ];

  it('moves the transition time only with the status, and keeps what others wrote', () => {
    const same = mergeConditions(stored, [condition], 3, now);
    expect(same[0]).to.deep.equal({ ...condition, observedGeneration: 3, lastTransitionTime: '2026-01-01T00:00:00Z' });
    expect(same[1]).to.equal(stored[1]);
    const [turned] = mergeConditions(stored, [{ ...condition, status: 'False' }], 3, now);
    expect(turned?.lastTransitionTime).to.equal('2026-05-01T10:00:00Z');
  });
});

describe('routeState', () => {
  const l3 = { name: 'net', l3: true };
  const state = (hosts: HostInterface[], hasBlock = (): boolean => true) =>
    routeState(l3, surveyHosts(network(), hosts).members, { networkNames: ['net', 'other'], hasBlock });
  const done = host('a', [two], { status: 'True' });

  it('needs none outside l3', () => {
    expect(
      routeState({ name: 'net', l3: false }, [], { networkNames: ['net'], hasBlock: () => true }).routeStatus,
    ).to.equal('N/A');
  });

  it('waits for agents that have not reported and for hosts without a block', () => {
    expect(state([])).to.deep.include({ routeStatus: 'WaitForRoutes' });
    expect(state([done, host('b', [two])])).to.deep.include({
      routeStatus: 'WaitForRoutes',
      message: 'waiting for route update: b',
    });
    expect(state([done], () => false).routeStatus).to.equal('WaitForRoutes');
    expect(state([done]).routeStatus).to.equal('Success');
  });

  it('is Failed where an agent names the network or no network at all, not where it names another', () => {
    const failing = (message: string) => state([done, host('b', [two], { status: 'False', message })]).routeStatus;
    expect(failing('net: 3 routes are missing')).to.equal('Failed');
    expect(failing('the kernel refuses')).to.equal('Failed');
    expect(failing('other: 3 routes are missing')).to.equal('Success');
    expect(failing('net-2, other: 3 routes are missing')).to.equal('Success');
  });

  describe('names the hosts that no routes lead to', () => {
    const report = { status: 'True' as const };
    const at = (name: string, ...places: [netAddress: string, hostIP: string][]): HostInterface => {
      const interfaces = places.map(([netAddress, hostIP], i) => ({ interfaceName: `eth${i}`, netAddress, hostIP }));
      const made = host(name, [], report);
      return { ...made, spec: { ...made.spec, interfaces } };
    };
    const stateOf = (hosts: HostInterface[], families: (4 | 6)[] = [4]) => {
      const survey = surveyHosts(network({}, { masterNets: [] }), hosts);
      const apart = new Map(families.map(family => [family, hostsApart(survey, family)]));
      return routeState(l3, survey.members, { networkNames: ['net'], hasBlock: () => true, apart });
    };
    const [a, c] = [at('a', [two, '172.20.2.1']), at('c', [one, '172.20.1.3'], [two, '172.20.2.3'])];
    const alone = at('b', ['172.20.9.0/31', '172.20.9.0'], ['172.20.9.2/31', '172.20.9.2']);
    const why = (family: 4 | 6): string =>
      `no IPv${family} address on a NIC in a subnet that another host is in, so no IPv${family} routes lead to their pods`;

    it('and is Failed where no two share a subnet', () => {
      expect(stateOf([a, alone])).to.deep.include({ routeStatus: 'Failed', message: `2 hosts have ${why(4)}: a, b` });
      expect(stateOf([a, alone, c])).to.deep.include({ routeStatus: 'Success', message: `1 host has ${why(4)}: b` });
      expect(stateOf([a, c])).to.deep.include({ routeStatus: 'Success', message: '' });
      expect(stateOf([alone])).to.deep.include({ routeStatus: 'Success', message: '' });
    });

    it('also where their NICs have no address of a family that pods have', () => {
      const lacks = { routeStatus: 'Success', message: `2 hosts have ${why(6)}: a, c` };
      expect(stateOf([a, c], [4, 6])).to.deep.include(lacks);
      expect(stateOf([a, c], [6])).to.deep.include({ ...lacks, routeStatus: 'Failed' });
      expect(stateOf([a, alone], [4, 6]).message).to.equal(
        `2 hosts have ${why(4)}: a, b; 2 hosts have ${why(6)}: a, b`,
      );
    });
  });

  it('puts failures before silence, and silence before waiting', () => {
    const hosts = [host('a', [two]), host('b', [two], { status: 'Unknown' })];
    expect(state(hosts).routeStatus).to.equal('Unknown');
    expect(state([...hosts, host('c', [two], { status: 'False' })]).routeStatus).to.equal('Failed');
  });
});

describe('definitionsSummary', () => {
  const state: DefinitionsState = { installed: true, wanted: 2, ready: 2, foreign: [], failures: new Map() };
  const configStatus = (change: Partial<DefinitionsState>) =>
    definitionsSummary({ ...state, ...change }, undefined).configStatus;

  it('is a success with all definitions, and in a cluster without the resource', () => {
    expect(configStatus({})).to.equal('Success');
    expect(configStatus({ installed: false, ready: 0 })).to.equal('Success');
  });

  it('waits for what will be written, and fails on a name that is taken', () => {
    expect(configStatus({ ready: 1 })).to.equal('WaitForConfig');
    expect(configStatus({ ready: 1, failures: new Map([['a', 'forbidden']]) })).to.equal('WaitForConfig');
    expect(configStatus({ ready: 1, foreign: ['a'] })).to.equal('Failed');
  });

  it('fails without a resource of devices, and waits for the objects that make them', () => {
    const devices = (reason: DevicesProblem['reason']) => ({ devices: { reason, message: 'list the devices' } });
    expect(configStatus({ installed: true, ready: 2, ...devices('NoDeviceResource') })).to.equal('Failed');
    expect(configStatus({ installed: false, ...devices('SriovObjectsMissing') })).to.equal('WaitForConfig');
  });

  it('lets the stored condition stand while a new leader does not know', () => {
    const { condition } = definitionsSummary({ ...state, foreign: ['a'] }, undefined);
    const unknown = { ...state, installed: undefined };
    expect(definitionsSummary(unknown, condition)).to.deep.equal({ condition, configStatus: 'Failed' });
    expect(definitionsSummary(unknown, undefined).condition.status).to.equal('Unknown');
  });
});

describe('hostsState', () => {
  const allocated: Allocated = { hasIndex: () => true, indexes: 64, refused: [], unassigned: [], keptIndexes: [] };
  const survey = surveyHosts(network(), [host('a', [two]), host('b', [two])]);

  it('distinguishes waiting hosts from those that no index was left for', () => {
    const hasIndex = (name: string): boolean => name === 'a';
    expect(hostsState(network(), survey, { ...allocated, hasIndex })).to.deep.include({
      configStatus: 'WaitForConfig',
      processed: 1,
    });
    const full = hostsState(network(), survey, { ...allocated, hasIndex, refused: ['b'] });
    expect(full.configStatus).to.equal('Failed');
    expect(full.condition.message).to.match(/1 of 2 hosts \(b\): hostBlock 6 gives 64/);
  });

  it('names NIC positions that no interface index was left for', () => {
    const full = hostsState(network(), survey, { ...allocated, unassigned: [{ netAddress: one, ordinal: 1 }] });
    expect(full.configStatus).to.equal('Failed');
    expect(full.condition.message).to.contain('172.20.1.0/24 (NIC 2 of a host): interfaceBlock 2 gives 4');
  });

  it('has nothing to allocate where another plugin gives the addresses', () => {
    const foreign = network({ type: 'whereabouts' });
    expect(hostsState(foreign, surveyHosts(foreign, []), allocated).configStatus).to.equal('Success');
    const bare = network({}, { ipam: '{}' });
    const { condition, configStatus } = hostsState(bare, surveyHosts(bare, []), allocated);
    expect(configStatus).to.equal('Success');
    expect(condition.message).to.equal('pods get interfaces without addresses');
  });
});

describe('networkStatus', () => {
  const of = { stored: undefined, generation: 4, now };

  function status(
    stored?: MultiNicNetworkStatus,
    node: HostCapacity = 'published',
    survey = surveyHosts(network(), [host('a', [two])]),
  ): MultiNicNetworkStatus {
    const hosts = hostsState(network(), survey, {
      hasIndex: () => true,
      indexes: 64,
      refused: [],
      unassigned: [],
      keptIndexes: [],
    });
    const definitions = definitionsSummary(
      { installed: true, wanted: 1, ready: 1, foreign: [], failures: new Map() },
      undefined,
    );
    const routes = routeState(network(), survey.members, { networkNames: ['net'], hasBlock: () => true });
    const interfaces = [{ index: 0, netAddress: two, ordinal: 0 }];
    const capacity = capacityState(network(), [['a', node]]);
    return networkStatus({ survey, hosts, capacity, definitions, routes, interfaces }, { ...of, stored });
  }

  it('makes an L2 network a success', () => {
    const made = status();
    expect(made).to.deep.include({ configStatus: 'Success', routeStatus: 'N/A', observedGeneration: 4 });
    expect(made.discovery).to.deep.equal({ existDaemon: 1, infoAvailable: 1, cidrProcessed: 1 });
    expect(made.conditions?.[0]).to.deep.include({ type: 'Ready', status: 'True' });
  });

  it('is no success before the scheduler knows the nodes', () => {
    const made = status(undefined, 'waiting');
    expect(made).to.deep.include({ configStatus: 'WaitForConfig', message: 'no node can take pods yet' });
    expect(made.conditions?.[0]).to.deep.include({ type: 'Ready', status: 'False', reason: 'NoNode' });
  });

  it('has no empty text, which some API servers refuse', () => {
    for (const made of [status(), unusableStatus('finding', of, { hosts: 1, withNics: 1 })]) {
      expect(JSON.stringify(made)).not.to.contain('""');
    }
  });

  it('is equal regardless of when it was written and in which order its keys are stored', () => {
    const first = status();
    const later = status({ ...first, lastSyncTime: '2020-01-01T00:00:00Z' });
    const reordered = Object.fromEntries(Object.entries(later).reverse()) as unknown as MultiNicNetworkStatus;
    expect(sameStatus(first, reordered)).to.equal(true);
    expect(sameStatus(first, { ...later, routeStatus: 'Failed' })).to.equal(false);
    expect(sameStatus(undefined, first)).to.equal(false);
  });

  it('distinguishes a change of counts from all others', () => {
    const first = { ...status(), addresses: { used: 1, capacity: 9 } };
    const more = { ...first, addresses: { used: 2, capacity: 9 } };
    expect(sameStatus(first, more)).to.equal(false);
    expect(sameButCounts(first, more)).to.equal(true);
    expect(sameButCounts(first, { ...more, message: 'else' })).to.equal(false);
  });

  it('does not grow with hosts whose NICs each have a subnet of their own: a status of megabytes cannot be stored', () => {
    const pointToPoint = (i: number): string => `172.${16 + (i >> 15)}.${(i >> 7) & 255}.${(i << 1) & 255}/31`;
    const hosts = Array.from({ length: 5000 }, (_, i) => {
      const nics = Array.from({ length: 8 }, (_nic, n) => pointToPoint(8 * i + n));
      return host(`h-${i}`, nics);
    });
    const survey = surveyHosts({ masterNets: [], fromHosts: false }, hosts);
    expect(survey.perSubnet).to.have.length(40_000);
    const made = status(undefined, 'published', survey);
    expect(JSON.stringify(made).length).to.be.lessThan(100_000);
  });

  it('keeps interface indexes of a network whose spec became unusable', () => {
    const before = status();
    const broken = unusableStatus('finding', { ...of, stored: before }, { hosts: 1, withNics: 1 });
    expect(broken).to.deep.include({ configStatus: 'Failed', message: 'finding', interfaces: before.interfaces });
  });
});

describe('layoutProblem', () => {
  it('says how many bits are missing', () => {
    expect(layoutProblem(network())).to.equal(undefined);
    expect(layoutProblem(network({ hostBlock: 20 })))
      .to.contain('needs 6 bits more')
      .and.contain('MNN_CAPACITY');
  });
});
