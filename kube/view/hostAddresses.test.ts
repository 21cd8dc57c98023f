import { expect } from 'chai';
import type { HostInterfaceSpec } from '../../core/api/types.ts';
import { formatAddress } from '../../core/net/address.ts';
import { parseCidr } from '../../core/net/cidr.ts';
import { HostAddresses } from './hostAddresses.ts';

const network = { masterNets: [parseCidr('10.0.0.0/16')], fromHosts: true };
const everywhere = parseCidr('10.0.0.0/16');

function host(hostName: string, hostIP: string): HostInterfaceSpec {
  return { hostName, interfaces: [{ interfaceName: 'eth1', netAddress: '10.0.0.0/16', hostIP }] };
}

describe('HostAddresses', () => {
  let hosts: Map<string, HostInterfaceSpec>;
  let looks: string[];
  let addresses: HostAddresses;

  const held = (): string[] => [...addresses.of(network).within(everywhere)].map(formatAddress).sort();

  beforeEach(() => {
    hosts = new Map([1, 2, 3].map(n => [`n-${n}`, host(`n-${n}`, `10.0.${n}.1`)]));
    looks = [];
    addresses = new HostAddresses({
      names: () => hosts.keys(),
      find: name => {
        looks.push(name);
        return hosts.get(name);
      },
    });
  });

  it('are those of all hosts, and follow them', () => {
    expect(held()).to.deep.equal(['10.0.1.1', '10.0.2.1', '10.0.3.1']);
    hosts.set('n-2', host('n-2', '10.0.2.9')).set('n-4', host('n-4', '10.0.4.1')).delete('n-1');
    for (const name of ['n-1', 'n-2', 'n-4']) addresses.hostChanged(name);
    expect(held()).to.deep.equal(['10.0.2.9', '10.0.3.1', '10.0.4.1']);
  });

  it('of thousands of hosts are looked at again only where one has changed', () => {
    expect(held()).to.have.length(3);
    looks = [];
    for (let i = 0; i < 5; i++) addresses.hostChanged('n-3');
    expect(held()).to.have.length(3);
    expect(held()).to.have.length(3);
    expect(looks).to.deep.equal(['n-3']);
  });

  it('are found again when the networks have changed', () => {
    expect(held()).to.have.length(3);
    addresses.networksChanged();
    looks = [];
    expect(held()).to.have.length(3);
    expect(looks).to.have.members(['n-1', 'n-2', 'n-3']);
  });
});
