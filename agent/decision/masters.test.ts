import { expect } from 'chai';
import type { AllocatedNic, HostNic } from '../../core/api/types.ts';
import { readNetwork } from '../../core/network/network.ts';
import { mastersOf } from './masters.ts';

const network = (subnet: string): ReturnType<typeof readNetwork> =>
  readNetwork({
    apiVersion: 'multinic.fms.io/v1',
    kind: 'MultiNicNetwork',
    metadata: { name: 'train' },
    spec: {
      ...(subnet !== '' && { subnet }),
      ipam: '{"type":"multi-nic-ipam","hostBlock":7,"interfaceBlock":3,"vlanMode":"l3"}',
      multiNICIPAM: true,
      plugin: { cniVersion: '0.3.1', type: 'ipvlan', args: { mode: 'l3' } },
    },
  });

const one = '172.20.1.0/24';
const two = '172.20.2.0/24';
const interfaces = [
  { index: 0, netAddress: one, ordinal: 0 },
  { index: 1, netAddress: one, ordinal: 1 },
  { index: 2, netAddress: two, ordinal: 0 },
];

function nic(interfaceName: string, netAddress: string): HostNic {
  return { interfaceName, netAddress, hostIP: netAddress.replace('0/24', '11') };
}

/** @param index the interface index whose block the address is of */
function record(master: string | undefined, netAddress: string, index: number): AllocatedNic {
  return { ...(master !== undefined && { master }), netAddress, addresses: [`10.200.${32 * index}.65/19`] };
}

function masters(records: AllocatedNic[], nics: HostNic[], subnet = '10.200.0.0/16'): string[] {
  return mastersOf({ network: network(subnet), interfaces }, records, { hostName: 'n', interfaces: nics }, 'n');
}

describe('mastersOf', () => {
  const host = [nic('eth1', one), nic('eth2', one), nic('eth3', two)];

  it('are the recorded ones', () => {
    const records = [record('eth1', one, 0), record('eth2', one, 1), record('eth3', two, 2)];
    expect(masters(records, host)).to.deep.equal(['eth1', 'eth2', 'eth3']);
    expect(masters(records.toReversed(), host)).to.deep.equal(['eth3', 'eth2', 'eth1']);
  });

  it('are those that have the blocks of the addresses, however the host calls them', () => {
    const renamed = [nic('ens4', one), nic('ens5', one), nic('ens6', two)];
    expect(masters([record('eth2', one, 1)], renamed)).to.deep.equal(['ens5']);
    expect(masters([record('eth2', one, 1), record('eth1', one, 0)], renamed)).to.deep.equal(['ens5', 'ens4']);
    expect(masters([record(undefined, one, 1)], renamed)).to.deep.equal(['ens5']);
  });

  it('are not those that have the recorded names by now and are in other subnets', () => {
    const swapped = [nic('eth1', two), nic('eth2', one), nic('eth3', one)];
    expect(masters([record('eth1', one, 0), record('eth3', two, 2)], swapped)).to.deep.equal(['eth2', 'eth1']);
  });

  it('are any others of the subnet, then the recorded names, where no NIC is right', () => {
    expect(masters([record('eth1', one, 1)], [nic('ens4', one)])).to.deep.equal(['ens4']);
    expect(masters([record('eth9', two, 2)], [nic('eth1', one)])).to.deep.equal(['eth9']);
    expect(() => masters([record(undefined, two, 2)], [nic('eth1', one)])).to.throw(
      'no (further) NIC in 172.20.2.0/24',
    );
  });

  it('are the recorded ones of a subnet whose block they share', () => {
    const shared = (master: string): AllocatedNic => ({ master, netAddress: one, addresses: ['172.20.1.70/24'] });
    expect(masters([shared('eth2')], host, '')).to.deep.equal(['eth2']);
    expect(masters([shared('ens1'), shared('ens2')], host, '')).to.deep.equal(['eth1', 'eth2']);
  });
});
