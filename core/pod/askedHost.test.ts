import { expect } from 'chai';
import { readNetwork } from '../network/network.ts';
import { askedHost } from './askedHost.ts';

const networkOf = (subnet: string | undefined, ipam: object) =>
  readNetwork({
    apiVersion: 'multinic.fms.io/v1',
    kind: 'MultiNicNetwork',
    metadata: { name: 'net' },
    spec: {
      ...(subnet !== undefined && { subnet }),
      ipam: JSON.stringify({ type: 'multi-nic-ipam', ...ipam }),
      multiNICIPAM: true,
      plugin: { cniVersion: '1.0.0', type: 'ipvlan' },
    },
  });
const indexes = new Map([
  ['n-a', 0],
  ['n-b', 1],
  ['n-gone', 2],
]);
const interfaces = [
  { index: 0, netAddress: '172.20.0.0/16', ordinal: 0 },
  { index: 1, netAddress: '172.21.0.0/16', ordinal: 0 },
];

describe('the host that has the addresses a pod asks for', () => {
  const hostOf = (network: ReturnType<typeof networkOf>, ips: string[], known = indexes) =>
    askedHost({ network, interfaces }, ips, known, host => host !== 'n-gone');
  const routed = networkOf('10.200.0.0/16,fd00:200::/48', { hostBlock: 6, interfaceBlock: 2 });
  const ofHostSubnets = networkOf(undefined, { hostBlock: 8, interfaceBlock: 0 });

  it('is the one whose blocks they are in, whichever NICs and families these are', () => {
    expect(hostOf(routed, ['10.200.1.7/18', '10.200.65.7/18'])).to.equal('n-b');
    expect(hostOf(routed, ['10.200.1.7', 'fd00:200:0:100::7'])).to.equal('n-b');
    expect(hostOf(routed, ['10.200.128.9'])).to.equal('n-a');
  });

  it('is found in networks that take their blocks from the host subnets', () => {
    expect(hostOf(ofHostSubnets, ['172.20.1.9', '172.21.1.9'])).to.equal('n-b');
    expect(() => hostOf(ofHostSubnets, ['172.22.1.9'])).to.throw("172.22.1.9 is in no node's block");
  });

  it('is not looked for in subnets that no host has any more, as after a wrong prefix length', () => {
    const gone = { index: 0, netAddress: '172.20.0.0/15', ordinal: 0, goneSince: '2026-01-01T00:00:00Z' };
    const now = { index: 1, netAddress: '172.21.0.0/16', ordinal: 0 };
    const state = { network: ofHostSubnets, interfaces: [gone, now] };
    expect(askedHost(state, ['172.21.1.9'], indexes, () => true)).to.equal('n-b');
  });

  it('is looked for once among thousands, however many addresses an annotation has room for', () => {
    let looks = 0;
    class Counted extends Map<string, number> {
      override [Symbol.iterator](): MapIterator<[string, number]> {
        looks++;
        return super[Symbol.iterator]();
      }
    }
    expect(hostOf(routed, Array<string>(1000).fill('10.200.1.7'), new Counted(indexes))).to.equal('n-b');
    expect(looks).to.equal(1);
  });

  it('is undefined if the pod asks for nothing, or addresses do not depend on the host', () => {
    expect(hostOf(routed, [])).to.equal(undefined);
    expect(hostOf(networkOf('10.200.0.0/16', { hostBlock: 0, vlanMode: 'l2' }), ['10.99.0.1'])).to.equal(undefined);
  });

  it('is not known before any host has its block', () => {
    expect(hostOf(routed, ['10.200.1.7'], new Map())).to.equal(undefined);
  });

  it('is refused where no host has them all', () => {
    expect(() => hostOf(routed, ['10.200.9.7'])).to.throw(
      "MNN_ADDRESS_OUTSIDE: network net: 10.200.9.7 is in no node's block",
    );
    expect(() => hostOf(routed, ['10.200.1.7', '10.200.64.7'])).to.throw(
      'in a block of node n-b, 10.200.64.7 in one of n-a',
    );
    expect(() => hostOf(routed, ['10.200.2.7']), 'of a host that is gone').to.throw("10.200.2.7 is in no node's block");
  });
});
