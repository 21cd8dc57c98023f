import { expect } from 'chai';
import { parseIpam } from '../../core/network/ipam.ts';
import { macWarnings } from './macWarnings.ts';

const mac = '02:00:00:00:00:2a';

function network(type: string): Parameters<typeof macWarnings>[0] {
  const ipam = '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2}';
  return { name: 'train', spec: { ipam, plugin: { cniVersion: '1.0.0', type } }, ipam: parseIpam(ipam).ipam! };
}

describe('warnings of a hardware address that a pod asks for', () => {
  it('say that interfaces of ipvlan, and NICs that go into pods, have that of their NIC', () => {
    for (const type of ['ipvlan', 'aws-ipvlan', 'host-device', 'mellanox']) {
      expect(macWarnings(network(type), { nics: 1 }, mac)).to.deep.equal([
        `mac has no effect in network train: interfaces of ${type} have the hardware address of their NIC (MNN_MAC_SHARED)`,
      ]);
    }
  });

  it('say that it is for one NIC, unless the pod asks for one', () => {
    for (const type of ['macvlan', 'ptp', 'sriov']) {
      for (const request of [{}, { nics: 2 }, { masters: ['eth1', 'eth2'] }]) {
        expect(macWarnings(network(type), request, mac), type).to.have.length(1);
      }
      for (const request of [{ nics: 1 }, { masters: ['eth1'] }, { masters: ['eth1', 'eth2'], nics: 1 }]) {
        expect(macWarnings(network(type), request, mac), type).to.deep.equal([]);
      }
    }
  });

  it('are none where none is asked for', () => {
    expect(macWarnings(network('ipvlan'), {})).to.deep.equal([]);
    expect(macWarnings(network('macvlan'), {}, '')).to.deep.equal([]);
  });
});
