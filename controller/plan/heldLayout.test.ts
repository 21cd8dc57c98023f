import { expect } from 'chai';
import type { AuditedPod } from '../../core/audit/types.ts';
import { readNetwork } from '../../core/network/network.ts';
import { network, type Shape } from '../../test/core/networks.ts';
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
  const layoutOf = (
    pods: readonly AuditedPod[],
    { shape = {}, isAdmitted = true }: { shape?: Shape; isAdmitted?: boolean } = {},
  ): HeldLayout => {
    const ipam = { interfaceBlock: 3, hostBlock: 7, ...shape.ipam };
    const layout = new HeldLayout(readNetwork(network('a', { ...shape, ipam })), new Date());
    for (const each of pods) layout.note(each, { isAdmitted });
    return layout;
  };

  it('has the host index of each node, by what was decided before what the pod has', () => {
    const both = {
      ...decided('n1', ['172.20.1.0/24', '10.200.0.65/19']),
      interfaces: actual('n1', '10.200.1.1').interfaces,
    };
    const { hosts } = layoutOf([
      actual('n2', '10.200.1.65'),
      both,
      actual('n3', '10.200.0.1', 'b'),
      actual('n4', '10.9.0.1'),
    ]);
    expect([...hosts]).to.deep.equal([
      ['n1', 1],
      ['n2', 5],
    ]);
  });

  it('has the records of what was decided, of those pods whose host still has their block', () => {
    const pods = [
      decided('n1', ['172.20.1.0/24', '10.200.0.65/19']),
      decided('n1', ['172.20.1.0/24', '10.200.0.65/19']),
      { ...decided('n1', ['172.20.1.0/24', '10.200.0.129/19']), uid: 'of-another-block' },
      decided('n2', ['172.20.1.0/24', '10.9.0.1/19']),
      actual('n3', '10.200.1.65'),
    ];
    const { records } = layoutOf(pods);
    expect([...records].map(([node, [record]]) => [node, record?.podUID, record?.nics] as unknown)).to.deep.equal([
      ['n1', 'n1', [{ netAddress: '172.20.1.0/24', addresses: ['10.200.0.65/19'] }]],
    ]);
    expect(records.get('n1')).to.have.length(1);
    expect([...layoutOf(pods, { isAdmitted: false }).records]).to.deep.equal([]);
  });

  it('has the interface indexes, those of NICs in one subnet in their order', () => {
    const layout = layoutOf([
      decided('n1', ['172.20.2.0/24', '10.200.64.1/19'], ['172.20.1.0/24', '10.200.32.1/19']),
      decided('n2', ['172.20.2.0/24', '10.200.0.65/19'], ['172.20.9.0/24', '10.200.0.66/19']),
    ]);
    expect(layout.interfaces()).to.deep.equal([
      { index: 0, netAddress: '172.20.2.0/24', ordinal: 0 },
      { index: 1, netAddress: '172.20.1.0/24', ordinal: 0 },
      { index: 2, netAddress: '172.20.2.0/24', ordinal: 1 },
    ]);
  });

  it('has nothing of attachments that a pod’s author may have written', () => {
    const layout = layoutOf([decided('n1', ['172.20.1.0/24', '10.200.0.65/19'])], { isAdmitted: false });
    expect([...layout.hosts]).to.deep.equal([]);
    expect(layout.interfaces()).to.deep.equal([]);
  });

  it('has of a node what most of its pods say they have, and of two nodes with one index that of more pods first', () => {
    const told = [
      actual('n1', '10.200.1.65'),
      actual('n2', '10.200.1.1'),
      actual('n2', '10.200.1.65'),
      actual('n2', '10.200.1.66'),
    ];
    const { hosts } = layoutOf([...told, decided('n3', ['172.20.1.0/24', '10.200.0.65/19'])], { isAdmitted: true });
    expect([...hosts]).to.deep.equal([
      ['n3', 1],
      ['n2', 5],
      ['n1', 5],
    ]);
  });

  it('has nothing of what the network gives nobody: in other namespaces, excluded, for NICs that are not its own', () => {
    const pods = [decided('n1', ['172.20.1.0/24', '10.200.0.65/19']), actual('n2', '10.200.0.65')];
    const nothingWith = (shape: Shape): void => {
      const layout = layoutOf(pods, { shape });
      expect([...layout.hosts], JSON.stringify(shape)).to.deep.equal([]);
      expect(layout.interfaces()).to.deep.equal([]);
    };
    nothingWith({ namespaces: ['other'] });
    nothingWith({ ipam: { excludeCIDRs: ['10.200.0.64/26'] } });
    const layout = layoutOf(pods, { shape: { masterNets: ['172.20.2.0/24'] } });
    expect([...layout.hosts].map(([node]) => node)).to.deep.equal(['n1', 'n2']);
    expect(layout.interfaces()).to.deep.equal([]);
    const rail = layoutOf(pods, { shape: { masterNets: ['172.20.0.0/16'] } });
    expect(rail.interfaces()).to.deep.equal([{ index: 0, netAddress: '172.20.1.0/24', ordinal: 0 }]);
  });
});
