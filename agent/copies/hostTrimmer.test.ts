import { expect } from 'chai';
import type { HostInterface } from '../../core/api/types.ts';
import { readNetwork } from '../../core/network/network.ts';
import { routeBase, routesTo } from '../../core/routes/desiredRoutes.ts';
import { hostTrimmer } from './hostTrimmer.ts';

const addresses = [
  { netAddress: '172.20.1.0/24', hostIP: '172.20.1.12' },
  { netAddress: 'fd01::/64', hostIP: 'fd01::12' },
];
const nic = {
  interfaceName: 'eth1',
  netAddress: '172.20.1.0/24',
  hostIP: '172.20.1.12',
  mac: '02:00:00:00:00:01',
  addresses,
};
const host: HostInterface = {
  apiVersion: 'multinic.fms.io/v1',
  kind: 'HostInterface',
  metadata: { name: 'other', uid: 'u', resourceVersion: '7', labels: { a: 'b' } },
  spec: {
    hostName: 'other',
    interfaces: [nic, { interfaceName: 'eth2', netAddress: '172.20.2.0/24', hostIP: '172.20.2.12' }],
  },
  status: { conditions: [] },
};

describe('hostTrimmer', () => {
  it('is everything of its own', () => {
    expect(hostTrimmer('other')(host)).to.equal(host);
  });

  it('is of others what routes follow from', () => {
    const trimmed = hostTrimmer('self')(host);
    expect(JSON.stringify(trimmed).length).to.be.below(JSON.stringify(host).length);
    expect(trimmed.metadata).to.deep.equal({ name: 'other', uid: 'u', resourceVersion: '7' });
    const ipam = JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3, vlanMode: 'l3' });
    const { apiVersion, kind } = host;
    const spec = { subnet: '10.200.0.0/16,fd00:10::/48', ipam, plugin: { cniVersion: '0.3.0', type: 'ipvlan' } };
    const network = readNetwork({ apiVersion, kind, metadata: { name: 'n' }, spec });
    const interfaces = [1, 2].map(n => ({ index: n, netAddress: `172.20.${n}.0/24`, ordinal: 0 }));
    const base = routeBase(network, interfaces, host.spec);
    const routes = routesTo(base, trimmed.spec, 1);
    expect(routes)
      .to.have.length(3)
      .and.to.deep.equal(routesTo(base, host.spec, 1));
  });

  it('keeps of their links that they are down, so that they are not asked', () => {
    const states = (['up', 'down', undefined] as const).map(linkState => {
      const spec = { hostName: 'other', interfaces: [{ ...nic, ...(linkState && { linkState }) }] };
      return hostTrimmer('self')({ ...host, spec }).spec.interfaces[0]?.linkState;
    });
    expect(states).to.deep.equal([undefined, 'down', undefined]);
  });
});
