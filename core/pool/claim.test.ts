import { expect } from 'chai';
import { readNetwork } from '../network/network.ts';
import { allocate } from './allocate.ts';
import { claimsAnywhere, claimsOnNode } from './claim.ts';
import { emptyPool } from './content.ts';

describe('claimsAnywhere', () => {
  const network = readNetwork({
    apiVersion: 'multinic.fms.io/v1',
    kind: 'MultiNicNetwork',
    metadata: { name: 'net' },
    spec: {
      subnet: '10.200.0.0/16',
      ipam: '{"type":"multi-nic-ipam","hostBlock":0,"interfaceBlock":2,"vlanMode":"l2"}',
      plugin: { cniVersion: '1.0.0', type: 'macvlan' },
    },
  });
  const position = (index: number, gone = false) => ({
    ...{ index, netAddress: `172.20.${index}.0/24`, ordinal: 0 },
    ...(gone && { goneSince: '2026-01-01T00:00:00Z' }),
  });
  const claimed = (nics: number | undefined, ...interfaces: ReturnType<typeof position>[]) =>
    claimedBeside([], nics, ...interfaces);
  const claimedBeside = (
    kinds: ReturnType<typeof position>[][],
    nics: number | undefined,
    ...interfaces: ReturnType<typeof position>[]
  ) =>
    claimsAnywhere({ network, interfaces }, nics === undefined ? {} : { nics }, [], kinds)?.map(
      ({ netAddress }) => netAddress,
    );

  it('takes the first positions, all where the pod does not say', () => {
    expect(claimed(1, position(0), position(1))).to.deep.equal(['172.20.0.0/24']);
    expect(claimed(undefined, position(0), position(1))).to.deep.equal(['172.20.0.0/24', '172.20.1.0/24']);
    expect(claimed(3, position(0), position(1))).to.equal(undefined);
  });

  it('waits for the node where a host that has any of the NICs lacks one of these positions', () => {
    const [a, b] = [position(0), position(1)];
    const second = { ...a, ordinal: 1 };
    expect(claimedBeside([[a, b], [], [b, a]], undefined, a, b)).to.have.length(2);
    expect(claimedBeside([[a, b], [a]], undefined, a, b)).to.equal(undefined);
    expect(claimedBeside([[a, b], [a]], 1, a, b)).to.deep.equal(['172.20.0.0/24']);
    expect(claimedBeside([[a], [b]], 1, a, b)).to.equal(undefined);
    expect(claimedBeside([[a, second]], undefined, a, b)).to.equal(undefined);
  });

  it('leaves out those that no host has any more', () => {
    expect(claimed(1, position(0, true), position(1))).to.deep.equal(['172.20.1.0/24']);
    expect(claimed(undefined, position(0, true), position(1))).to.deep.equal(['172.20.1.0/24']);
    expect(claimed(2, position(0, true), position(1))).to.equal(undefined);
    expect(claimed(undefined, position(0, true))).to.equal(undefined);
  });
});

describe('gateways of a network’s routes', () => {
  const flat = { type: 'multi-nic-ipam', hostBlock: 0, vlanMode: 'l2' };
  const routes = [
    { dst: '192.0.2.0/24', gw: '172.20.1.1' },
    { dst: '192.0.2.0/24', gw: '172.20.1.3' },
    { dst: '2001:db8::/32', gw: 'fe80::1' },
    { dst: '198.51.100.0/24' },
  ];
  const host = { hostName: 'n', interfaces: [{ interfaceName: 'eth1', netAddress: '172.20.1.0/24' }] };
  const given = (subnet: string | undefined, ips: string[] = []): string[] => {
    const network = readNetwork({
      apiVersion: 'multinic.fms.io/v1',
      kind: 'MultiNicNetwork',
      metadata: { name: 'net' },
      spec: {
        ...(subnet !== undefined && { subnet }),
        ipam: JSON.stringify({ ...flat, routes }),
        plugin: { cniVersion: '1.0.0', type: 'macvlan' },
      },
    });
    const interfaces = [{ index: 0, netAddress: '172.20.1.0/24', ordinal: 0 }];
    const { nics } = claimsOnNode({ network, interfaces }, { name: 'n', host, hostIndex: 0 }, { request: {}, ips });
    let content = emptyPool;
    return ['a', 'b'].flatMap(podUID => {
      const claimant = { podUID, namespace: 'ns', name: podUID, interface: 'net1' };
      const grant = allocate(content, { claimant, nics }, { now: new Date(), coolDownMs: 0 });
      if (!grant.ok) return [grant.reason];
      content = grant.content ?? content;
      return grant.allocation.nics.flatMap(({ addresses }) => addresses);
    });
  };

  it('are given to no pod: routers have them, and nobody would reach these any more', () => {
    expect(given(undefined)).to.deep.equal(['172.20.1.2/24', '172.20.1.4/24']);
    expect(given('172.20.1.0/29')).to.deep.equal(['172.20.1.2/29', '172.20.1.4/29']);
  });

  it('are given to the pod that asks for them: it is the router', () => {
    expect(given(undefined, ['172.20.1.1'])).to.deep.equal(['172.20.1.1/24', 'taken']);
  });
});

describe('addresses that a pod asks for', () => {
  const ipamOf = (hostBlock: number): string =>
    JSON.stringify({ type: 'multi-nic-ipam', hostBlock, interfaceBlock: 2, vlanMode: 'l2' });
  const networkOf = (ipam: string, subnet = '10.200.0.0/16,fd00:10::/64') =>
    readNetwork({
      apiVersion: 'multinic.fms.io/v1',
      kind: 'MultiNicNetwork',
      metadata: { name: 'net' },
      spec: { subnet, ipam, plugin: { cniVersion: '1.0.0', type: 'macvlan' } },
    });
  const interfaces = [0, 1].map(index => ({ index, netAddress: `172.20.${index}.0/24`, ordinal: 0 }));
  const nics = interfaces.map(({ netAddress }, i) => ({ interfaceName: `eth${i}`, netAddress }));
  const node = { name: 'n', host: { hostName: 'n', interfaces: nics }, hostIndex: 0 };
  const onNode = (ips: string[], request = {}, network = networkOf(ipamOf(6))) =>
    claimsOnNode({ network, interfaces }, node, { request, ips }).nics.map(({ wanted }) => wanted);
  const anywhere = (ips: string[], request = {}, subnet?: string) =>
    claimsAnywhere({ network: networkOf(ipamOf(0), subnet), interfaces }, request, ips, [])?.map(nic => nic.wanted);

  it('are one of each family for each NIC, in the order of the NICs', () => {
    const ips = ['10.200.0.1', '10.200.64.1', 'fd00:10::1/64', 'fd00:10::4001'];
    const each = [
      ['10.200.0.1', 'fd00:10::1/64'],
      ['10.200.64.1', 'fd00:10::4001'],
    ];
    expect(onNode(ips)).to.deep.equal(each);
    expect(anywhere(ips)).to.deep.equal(each);
    expect(onNode(ips.slice(0, 1))).to.deep.equal([ips.slice(0, 1), undefined]);
  });

  it('are refused where no NIC takes them: ADD would have to refuse the pod for ever', () => {
    const three = ['10.200.0.1', '10.200.64.1', '10.200.0.3'];
    const many =
      /MNN_IPS_MANY: network net: none of the pod's 2 NICs takes 10\.200\.0\.3: each takes one IPv4 and one IPv6 address/;
    expect(() => onNode(three)).to.throw(many);
    expect(() => anywhere(three)).to.throw(many);
    const two = /the pod's NIC does not take 10\.200\.64\.1: it takes one IPv4 and one IPv6 address/;
    expect(() => onNode(three.slice(0, 2), { nics: 1 })).to.throw(two);
    expect(() => anywhere(three.slice(0, 2), { nics: 1 })).to.throw(two);
    expect(() => anywhere(['fd00:10::1'], {}, '10.200.0.0/16')).to.throw(/fd00:10::1: each takes one IPv4 address/);
  });

  it('are all for the one NIC where another IPAM plugin gives them, and else one of each family for each', () => {
    const other = networkOf('{"type":"static"}', '');
    expect(onNode(['192.0.2.1/24', '192.0.2.2/24'], { nics: 1 }, other)).to.deep.equal([
      ['192.0.2.1/24', '192.0.2.2/24'],
    ]);
    const three = ['192.0.2.1/24', '192.0.2.2/24', '192.0.2.3/24'];
    expect(() => onNode(three, {}, other)).to.throw(/NICs takes 192\.0\.2\.3\/24: each takes one address of a family/);
  });
});
