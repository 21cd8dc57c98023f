import { expect } from 'chai';
import type { AuditedPod } from '../../core/audit/types.ts';
import { readNetwork } from '../../core/network/network.ts';
import { network } from '../../test/core/networks.ts';
import { HeldLayout } from './heldLayout.ts';

describe('The layout that pods tell of', () => {
  const pod = (node: string, parts: Partial<AuditedPod>): AuditedPod => ({
    ...{ uid: node, namespace: 'work', name: node, node, isRunning: true, attachments: [], macs: [], interfaces: [] },
    ...parts,
  });
  const decided = (node: string, ...nics: [netAddress: string, address: string][]): AuditedPod => {
    const given = nics.map(([netAddress, address]) => ({ netAddress, addresses: [address] }));
    return pod(node, { attachments: [{ network: 'a', interface: 'net1', nics: given }] });
  };
  const actual = (node: string, address: string, of = 'a'): AuditedPod =>
    pod(node, { interfaces: [{ network: of, interface: 'net1-0', addresses: [address] }] });

  /** Of 10.200.0.0/16 with eight interfaces and 128 hosts: 64 addresses a block. */
  const layoutOf = (...pods: AuditedPod[]): HeldLayout => {
    const layout = new HeldLayout(readNetwork(network('a', { ipam: { interfaceBlock: 3, hostBlock: 7 } })));
    for (const each of pods) layout.note(each);
    return layout;
  };

  it('has the host index of each node, by what was decided before what the pod has', () => {
    const both = {
      ...decided('n1', ['172.20.1.0/24', '10.200.0.65/19']),
      interfaces: actual('n1', '10.200.1.1').interfaces,
    };
    const { hosts } = layoutOf(
      both,
      actual('n2', '10.200.1.65'),
      actual('n3', '10.200.0.1', 'b'),
      actual('n4', '10.9.0.1'),
    );
    expect([...hosts]).to.deep.equal([
      ['n1', 1],
      ['n2', 5],
    ]);
  });

  it('has the records of what was decided, of those pods whose host still has their block', () => {
    const { records } = layoutOf(
      decided('n1', ['172.20.1.0/24', '10.200.0.65/19']),
      { ...decided('n1', ['172.20.1.0/24', '10.200.0.129/19']), uid: 'of-another-block' },
      decided('n2', ['172.20.1.0/24', '10.9.0.1/19']),
      actual('n3', '10.200.1.65'),
    );
    expect([...records].map(([node, [record]]) => [node, record?.podUID, record?.nics] as unknown)).to.deep.equal([
      ['n1', 'n1', [{ netAddress: '172.20.1.0/24', addresses: ['10.200.0.65/19'] }]],
    ]);
    expect(records.get('n1')).to.have.length(1);
  });

  it('has the interface indexes, those of NICs in one subnet in their order', () => {
    const layout = layoutOf(
      decided('n1', ['172.20.2.0/24', '10.200.64.1/19'], ['172.20.1.0/24', '10.200.32.1/19']),
      decided('n2', ['172.20.2.0/24', '10.200.0.65/19'], ['172.20.9.0/24', '10.200.0.66/19']),
    );
    expect(layout.interfaces()).to.deep.equal([
      { index: 0, netAddress: '172.20.2.0/24', ordinal: 0 },
      { index: 1, netAddress: '172.20.1.0/24', ordinal: 0 },
      { index: 2, netAddress: '172.20.2.0/24', ordinal: 1 },
    ]);
  });
});
