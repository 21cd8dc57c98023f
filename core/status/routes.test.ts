import { expect } from 'chai';
import { host, network, one, two } from '../../test/core/surveyed.ts';
import type { HostInterface } from '../api/types.ts';
import { routeState } from './routes.ts';
import { failureMessage, type RouteFailure } from './routesProgrammed.ts';
import { hostsApart, loneNics, surveyHosts } from './survey.ts';

describe('routeState', () => {
  const l3 = { name: 'net', l3: true };
  const state = (hosts: HostInterface[], hasBlock = (): boolean => true) =>
    routeState(l3, surveyHosts(network(), hosts).members, { hasBlock });
  const done = host('a', [two], { status: 'True' });

  it('needs none outside l3', () => {
    expect(routeState({ name: 'net', l3: false }, [], { hasBlock: () => true }).routeStatus).to.equal('N/A');
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
    const failing = (...failures: RouteFailure[]) =>
      state([done, host('b', [two], { status: 'False', message: failureMessage(failures) })]).routeStatus;
    const what = 'route.replace 10.1.0.0/26 via 172.20.2.1 dev eth1 table 1000: Nexthop has invalid gateway';
    const others = Array.from({ length: 9 }, (_, i) => ({ network: `other-${i}`, what: 'no link eth2' }));
    expect(failing({ network: 'net', what })).to.equal('Failed');
    expect(failing({ what })).to.equal('Failed');
    expect(failing(...others, { what })).to.equal('Failed');
    expect(failing(...others, { network: 'net', what })).to.equal('Failed');
    expect(failing(...others)).to.equal('Success');
    expect(failing({ network: 'net-2', what }, { network: 'dev', what })).to.equal('Success');
  });

  it('is Failed, too, where more networks fail than a message names, and where an agent of 0.1.0 says so', () => {
    const many = Array.from({ length: 400 }, (_, i) => ({ network: `${'x'.repeat(60)}${i}`, what: 'no link eth2' }));
    const message = failureMessage([...many, ...many]);
    expect(message).to.equal('routes of 400 networks: no link eth2');
    const says = (text: string) => state([done, host('b', [two], { status: 'False', message: text })]).routeStatus;
    expect(says(message)).to.equal('Failed');
    expect(says('network net: no link eth1; network other: no link eth1')).to.equal('Failed');
    expect(says('network other: no link eth1; network other: no link eth2')).to.equal('Success');
    expect(says('route.replace 10.1.0.0/26 via 172.20.2.1 dev eth1 table 1000: ENETUNREACH')).to.equal('Failed');
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
      return routeState(l3, survey.members, { hasBlock: () => true, apart, lone: loneNics(survey) });
    };
    const [a, c] = [at('a', [two, '172.20.2.1']), at('c', [one, '172.20.1.3'], [two, '172.20.2.3'])];
    const d = at('d', [two, '172.20.2.4']);
    const alone = at('b', ['172.20.9.0/31', '172.20.9.0'], ['172.20.9.2/31', '172.20.9.2']);
    const why = (family: 4 | 6): string =>
      `no IPv${family} address on a NIC in a subnet that another host is in, so no IPv${family} routes lead to their pods`;

    it('and is Failed where no two share a subnet', () => {
      expect(stateOf([a, alone])).to.deep.include({ routeStatus: 'Failed', message: `2 hosts have ${why(4)}: a, b` });
      expect(stateOf([a, alone, d])).to.deep.include({ routeStatus: 'Success', message: `1 host has ${why(4)}: b` });
      expect(stateOf([a, d])).to.deep.include({ routeStatus: 'Success', message: '' });
      expect(stateOf([alone])).to.deep.include({ routeStatus: 'Success', message: '' });
    });

    it('also where their NICs have no address of a family that pods have', () => {
      const lacks = { routeStatus: 'Success', message: `2 hosts have ${why(6)}: a, d` };
      expect(stateOf([a, d], [4, 6])).to.deep.include(lacks);
      expect(stateOf([a, d], [6])).to.deep.include({ ...lacks, routeStatus: 'Failed' });
      expect(stateOf([a, alone], [4, 6]).message).to.equal(
        `2 hosts have ${why(4)}: a, b; 2 hosts have ${why(6)}: a, b`,
      );
    });

    it('and single NICs that have another prefix length, or subnet, than those of other hosts', () => {
      const narrow = at('n', [two, '172.20.2.9'], ['172.20.1.0/25', '172.20.1.9']);
      const what = 'in a subnet that no other host has a NIC in, so no routes lead by';
      const of = (hosts: HostInterface[]): string => stateOf(hosts).message;
      expect(of([a, narrow])).to.equal(`1 NIC is ${what} it: eth1 of n (172.20.1.0/25)`);
      expect(of([narrow, c])).to.equal(`2 NICs are ${what} them: eth0 of c (${one}), eth1 of n (172.20.1.0/25)`);
      expect(stateOf([narrow, c]).routeStatus).to.equal('Success');
      expect(of([narrow])).to.equal('');
    });
  });

  it('puts failures before waiting', () => {
    const hosts = [host('a', [two]), host('b', [two], { status: 'False' })];
    expect(state(hosts).routeStatus).to.equal('Failed');
  });
});
