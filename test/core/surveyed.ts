import { apiVersion } from '../../core/api/names.ts';
import type { HostInterface, MultiNicNetwork } from '../../core/api/types.ts';
import { type Network, readNetwork } from '../../core/network/network.ts';

/** Over two host subnets, the second of which comes first. */
export function network(ipam: object = {}, spec: Partial<MultiNicNetwork['spec']> = {}): Network {
  return readNetwork({
    apiVersion,
    kind: 'MultiNicNetwork',
    metadata: { name: 'net' },
    spec: {
      subnet: '10.200.0.0/16',
      masterNets: ['172.20.2.0/24', '172.20.0.0/23'],
      ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 6, interfaceBlock: 2, ...ipam }),
      plugin: { cniVersion: '1.0.0', type: 'ipvlan' },
      ...spec,
    },
  });
}

/** A host with a NIC in each of these subnets, and what its agent says of its routes. */
export function host(
  name: string,
  netAddresses: string[],
  routes?: { status: 'True' | 'False' | 'Unknown'; message?: string },
): HostInterface {
  const condition = routes && {
    type: 'RoutesProgrammed',
    reason: 'Test',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
    ...routes,
  };
  return {
    apiVersion,
    kind: 'HostInterface',
    metadata: { name },
    spec: {
      hostName: name,
      interfaces: netAddresses.map((netAddress, i) => ({ interfaceName: `eth${i}`, netAddress })),
    },
    ...(condition && { status: { conditions: [condition] } }),
  };
}

export const one = '172.20.1.0/24';
export const two = '172.20.2.0/24';
