import { expect } from 'chai';
import { readNetwork } from '../network/network.ts';
import { claimsAnywhere } from './claim.ts';

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
