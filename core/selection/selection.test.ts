import { expect } from 'chai';
import fc from 'fast-check';
import type { HostNic } from '../api/types.ts';
import { membersOf } from '../layout/members.ts';
import { parseCidr } from '../net/cidr.ts';
import { readNicRequest, requestNamed } from './request.ts';
import { selectNics } from './select.ts';

function nic(interfaceName: string, subnet: number, options: Partial<HostNic> = {}): HostNic {
  return {
    interfaceName,
    netAddress: `172.20.${subnet}.0/24`,
    hostIP: `172.20.${subnet}.${interfaceName.length}`,
    ...options,
  };
}

function members(nics: HostNic[], masterNets: string[] = []) {
  return membersOf({ masterNets: masterNets.map(parseCidr), fromHosts: false }, { hostName: 'n', interfaces: nics });
}

const names = (list: ReturnType<typeof members>) => list.map(m => m.nic.interfaceName);

describe('members of a network', () => {
  it('stand in the order of masterNets, then by name, eth2 before eth10', () => {
    const nics = [nic('eth10', 1), nic('eth2', 1), nic('eth3', 2), nic('eth4', 3)];
    expect(names(members(nics, ['172.20.2.0/24', '172.20.1.0/24']))).to.deep.equal(['eth3', 'eth2', 'eth10']);
  });

  it('are all NICs with a subnet where masterNets is empty, by subnet', () => {
    expect(names(members([nic('b', 9), nic('a', 10), { interfaceName: 'c' }]))).to.deep.equal(['b', 'a']);
  });

  it('count NICs of one subnet apart', () => {
    expect(members([nic('a', 1), nic('b', 1), nic('c', 2)]).map(m => m.ordinal)).to.deep.equal([0, 1, 0]);
  });

  it('match a wider master net and a second address', () => {
    expect(names(members([nic('a', 1)], ['172.20.0.0/16']))).to.deep.equal(['a']);
    const second = nic('a', 1, { addresses: [{ netAddress: '10.9.0.0/24', hostIP: '10.9.0.1' }] });
    expect(members([second], ['10.9.0.0/24'])[0]?.netAddress).to.equal('10.9.0.0/24');
  });

  it('do not depend on the order in which NICs are listed', () => {
    const nics = [nic('eth1', 1), nic('eth2', 1), nic('eth3', 2), nic('eth4', 3)];
    fc.assert(
      fc.property(fc.shuffledSubarray(nics, { minLength: 4 }), shuffled => {
        expect(members(shuffled)).to.deep.equal(members(nics));
      }),
    );
  });
});

describe('strategy none', () => {
  const all = members([nic('eth1', 1), nic('eth2', 2), nic('eth3', 3), nic('eth4', 4, { linkState: 'down' })]);
  const candidates = all.map(member => ({ member, promisedMbps: 0 }));
  const select = (wish: object) => {
    const selection = selectNics('none', candidates, wish);
    return selection.ok ? selection.nics.map(({ member }) => member.nic.interfaceName) : selection.lacks;
  };

  it('takes all NICs whose link is up', () => {
    expect(select({})).to.deep.equal(['eth1', 'eth2', 'eth3']);
  });
  it('takes the first n', () => {
    expect(select({ count: 2 })).to.deep.equal(['eth1', 'eth2']);
  });
  it('takes what is named, in that order, then the first n of it', () => {
    expect(select({ masters: ['eth3', 'eth1'] })).to.deep.equal(['eth3', 'eth1']);
    expect(select({ masters: ['eth3', 'eth1'], count: 1 })).to.deep.equal(['eth3']);
  });
  it('says what the host lacks', () => {
    expect(select({ count: 4 })).to.match(/4 usable NICs.*only 3/);
    expect(select({ masters: ['eth1', 'eth9', 'eth4'] })).to.match(/eth9, eth4/);
    expect(selectNics('none', [], {})).to.have.property('ok', false);
  });
});

describe('NICs that the pod names', () => {
  const nics = [
    nic('eth1', 1, { altNames: ['enp59s0f0', 'ens1f0'] }),
    nic('eth2', 2, { altNames: ['eth1'] }),
    nic('eth3', 3),
  ];
  const candidates = members(nics).map(member => ({ member, promisedMbps: 0 }));
  const select = (masters: string[]) => {
    const selection = selectNics('none', candidates, { masters });
    return selection.ok ? selection.nics.map(({ member }) => member.nic.interfaceName) : selection.lacks;
  };

  it('are found by any of their names, by their own before another one’s alternative', () => {
    expect(select(['eth3', 'ens1f0'])).to.deep.equal(['eth3', 'eth1']);
    expect(select(['eth1', 'eth2'])).to.deep.equal(['eth1', 'eth2']);
  });

  it('count once, however often they are named', () => {
    expect(select(['ens1f0', 'eth2', 'eth1', 'enp59s0f0'])).to.deep.equal(['eth1', 'eth2']);
  });

  it('are reported if none has that name', () => {
    expect(select(['eth1', 'enp59s0f1'])).to.contain('the NIC enp59s0f1');
  });
});

describe('an interface name that leaves no room for a number', () => {
  it('asks for one NIC, and may not ask for several', () => {
    const whole = 'pod37a8eec1ce1';
    expect(requestNamed(whole, { class: 'rdma' })).to.deep.equal({ class: 'rdma', nics: 1 });
    expect(requestNamed(whole, { masters: ['a'] })).to.deep.equal({ masters: ['a'], nics: 1 });
    for (const several of [{ nics: 2 }, { masters: ['a', 'b'] }])
      expect(() => requestNamed(whole, several)).to.throw(/MNN_INTERFACE_NAME/);
    for (const numbered of ['net1', 'twelve-bytes', 'thirteen-byte'])
      expect(requestNamed(numbered, { nics: 2 })).to.deep.equal({ nics: 2 });
  });

  it('or for a short one alone, may not ask for more', () => {
    for (const [name, most] of [
      ['thirteen-byte', 10],
      ['twelve-bytes', 100],
    ] as const) {
      expect(requestNamed(name, { nics: most })).to.deep.equal({ nics: most });
      expect(() => requestNamed(name, { nics: most + 1 })).to.throw(
        `MNN_INTERFACE_NAME: interface ${name} is too long for ${most + 1} NICs, whose numbers follow it`,
      );
    }
  });
});

describe('cni-args', () => {
  it('are read in every form that users have', () => {
    expect(readNicRequest({ nics: 2, masters: ['a', 'b'] }, 'x')).to.deep.equal({ nics: 2, masters: ['a', 'b'] });
    expect(readNicRequest({ nics: '2', master: 'a' }, 'x')).to.deep.equal({ nics: 2, masters: ['a'] });
    expect(readNicRequest({ master: 'a, b', class: 'rdma', target: '100Gbps', other: 1 }, 'x')).to.deep.equal({
      masters: ['a', 'b'],
      class: 'rdma',
      target: '100Gbps',
    });
    expect(readNicRequest({ nics: 0, masters: [] }, 'x')).to.deep.equal({});
    const nothing = { nics: null, masters: null, master: null, class: null, target: null };
    expect(readNicRequest(nothing, 'x')).to.deep.equal({});
    expect(readNicRequest(undefined, 'x')).to.deep.equal({});
    expect(readNicRequest({ nics: 2 }, 'x', { 'multinic.fms.io/best-effort': 'true' })).to.deep.equal({
      nics: 2,
      bestEffort: true,
    });
    expect(readNicRequest({}, 'x', { 'multinic.fms.io/best-effort': 'yes' })).to.deep.equal({});
  });
  for (const bad of [
    { nics: -1 },
    { nics: 1.5 },
    { nics: 'two' },
    { masters: 5 },
    { masters: ['a', 'a'] },
    { masters: ['172.20.1.0/24'] },
    { class: 5 },
    { target: 'fast' },
    { target: '10' },
  ]) {
    it(`are refused: ${JSON.stringify(bad)}`, () => {
      expect(() => readNicRequest(bad, 'element 1')).to.throw(/MNN_CNI_ARGS_INVALID: element 1/);
    });
  }
  it('are refused where they name more NICs than may be asked for', () => {
    const named = (count: number): string => Array.from({ length: count }, (_, i) => `eth${i}`).join();
    expect(readNicRequest({ masters: named(1024) }, 'element 1').masters).to.have.length(1024);
    expect(() => readNicRequest({ masters: named(1025) }, 'element 1')).to.throw(
      'MNN_CNI_ARGS_INVALID: element 1: masters names more than 1024 NICs',
    );
  });
});
