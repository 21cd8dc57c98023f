import { expect } from 'chai';
import { apiVersion } from '../api/names.ts';
import { readNetwork } from '../network/network.ts';
import type { ImportedPod } from './attachments.ts';
import { planImport } from './plan.ts';

const zones = ['172.20.1.0/24', '172.20.2.0/24'];

/** A host in each of two zones, which have no subnet in common: the operator gave both the index 0. */
const cidr = {
  metadata: { name: 'train' },
  spec: {
    cidr: zones.map((netAddress, zone) => ({
      netAddress,
      interfaceIndex: zone,
      hosts: [{ hostIndex: 0, hostName: `n-${zone}`, interfaceName: 'eth1', podCIDR: `10.200.${zone * 64}.0/26` }],
    })),
  },
};

function podIn(zone: number): ImportedPod {
  const name = `p-${zone}`;
  const address = `10.200.${zone * 64}.1`;
  return {
    ...{ uid: name, namespace: 'ns', name, node: `n-${zone}`, isRunning: true, attachments: [], macs: [] },
    interfaces: [{ network: 'train', interface: 'net1', addresses: [address] }],
    selections: [{ network: 'train', interface: 'net1' }],
  };
}

describe('what the predecessor left, as planned', () => {
  const network = readNetwork({
    apiVersion,
    kind: 'MultiNicNetwork',
    metadata: { name: 'train' },
    spec: {
      subnet: '10.200.0.0/16',
      ipam: '{"type":"multi-nic-ipam","hostBlock":8,"interfaceBlock":2,"vlanMode":"l3"}',
      multiNICIPAM: true,
      plugin: { cniVersion: '0.3.1', type: 'ipvlan', args: { mode: 'l3' } },
    },
  });

  it('says whose index it is where hosts of two zones had the same', () => {
    const hosts = zones.map((netAddress, zone) => ({
      hostName: `n-${zone}`,
      interfaces: [{ interfaceName: 'eth1', netAddress, hostIP: `172.20.${zone + 1}.10` }],
    }));
    const { records, refusals } = planImport({
      state: { network, interfaces: [] },
      hostIndexes: new Map(),
      cidr,
      pools: [],
      hosts: new Map(hosts.map(host => [host.hostName, host])),
      pods: [podIn(0), podIn(1)],
    });
    expect(records.map(({ pool }) => pool.name)).to.deep.equal(['train.n-0']);
    expect(refusals.map(({ message }) => message.split('. ')[0])).to.deep.equal([
      "MNN_IMPORT_BLOCK: network train: pod ns/p-1 has 10.200.64.1 of 10.200.64.0/26, but by the network's layout eth1 of node n-1 has none: its index 0 is that of n-0 here",
    ]);
  });

  it('keeps what a pod has by a definition that its user wrote, of another name than the network', () => {
    const byHand = { network: 'mine', interface: 'net2' };
    const pod = { ...podIn(0), interfaces: [{ ...byHand, addresses: ['10.200.0.1'] }], selections: [byHand] };
    const allocations = [{ pod: pod.name, namespace: pod.namespace, address: '10.200.0.1' }];
    const hostName = 'n-0';
    const host = {
      hostName,
      interfaces: [{ interfaceName: 'eth1', netAddress: '172.20.1.0/24', hostIP: '172.20.1.10' }],
    };
    const { records, refusals, dropped } = planImport({
      state: { network, interfaces: [] },
      hostIndexes: new Map(),
      cidr,
      pools: [{ metadata: { name: 'pool' }, spec: { netAttachDef: 'train', hostName, allocations } }],
      hosts: new Map([[hostName, host]]),
      pods: [pod],
    });
    expect([...refusals, ...dropped]).to.deep.equal([]);
    expect(records.map(({ claim: { claimant, nics } }) => [claimant.interface, nics[0]?.wanted])).to.deep.equal([
      ['net2', ['10.200.0.1']],
    ]);
  });
});
