import { apiVersion, label } from '../../core/api/names.ts';
import type { Cidr, HostInterface, MultiNicNetwork } from '../../core/api/types.ts';
import { hostsPerPage, pageName } from '../../core/layout/hostIndex.ts';

/** Objects of a cluster with an L3 network over all NICs of all hosts, as controller and agents would have made them. */
export interface LargeCluster {
  readonly network: MultiNicNetwork;
  readonly hosts: readonly HostInterface[];
  readonly pages: readonly Cidr[];
}

const networkName = 'train-net';

export function hostName(index: number): string {
  return `host-${index}`;
}

/** The host's address on its n-th NIC (from 0): all hosts' n-th NICs are in one /16. */
export function hostAddress(index: number, nic: number): string {
  return `172.${16 + nic}.${(index + 1) >> 8}.${(index + 1) & 255}`;
}

/** What is new in a cluster when the host with that index, its last, has come. */
export function newHost(index: number, nics: number): Pick<LargeCluster, 'hosts' | 'pages'> {
  return { hosts: [hostOf(index, nics)], pages: [pageOf(Math.floor(index / hostsPerPage), index + 1)] };
}

/** @param nics of each host, at most 8 */
export function largeCluster(hosts: number, nics: number): LargeCluster {
  const names = Array.from({ length: hosts }, (_, index) => index);
  return {
    network: networkOf(nics),
    hosts: names.map(index => hostOf(index, nics)),
    pages: Array.from({ length: Math.ceil(hosts / hostsPerPage) }, (_, page) => pageOf(page, hosts)),
  };
}

function networkOf(nics: number): MultiNicNetwork {
  const ipam = { type: 'multi-nic-ipam', hostBlock: 13, interfaceBlock: 3, vlanMode: 'l3' };
  const interfaces = Array.from({ length: nics }, (_, n) => ({
    index: n,
    netAddress: `172.${16 + n}.0.0/16`,
    ordinal: 0,
  }));
  return {
    apiVersion,
    kind: 'MultiNicNetwork',
    metadata: { name: networkName },
    spec: {
      subnet: '10.0.0.0/8',
      ipam: JSON.stringify(ipam),
      multiNICIPAM: true,
      plugin: { cniVersion: '1.0.0', type: 'ipvlan', args: { mode: 'l3' } },
    },
    status: {
      computeResults: [],
      discovery: { existDaemon: 0, infoAvailable: 0, cidrProcessed: 0 },
      configStatus: 'Success',
      routeStatus: 'Success',
      message: '',
      lastSyncTime: '2026-01-01T00:00:00Z',
      interfaces,
    },
  };
}

function hostOf(index: number, nics: number): HostInterface {
  const digits = (n: number): string => n.toString(16).padStart(2, '0');
  return {
    apiVersion,
    kind: 'HostInterface',
    metadata: { name: hostName(index) },
    spec: {
      hostName: hostName(index),
      interfaces: Array.from({ length: nics }, (_, n) => ({
        interfaceName: `eth${n + 1}`,
        netAddress: `172.${16 + n}.0.0/16`,
        hostIP: hostAddress(index, n),
        vendor: '15b3',
        product: '101d',
        pciAddress: `0000:${digits(n)}:00.0`,
        mac: `02:00:${digits(n)}:00:${digits(index >> 8)}:${digits(index & 255)}`,
        mtu: 9000,
        speedMbps: 200_000,
        numaNode: n >> 2,
        driver: 'mlx5_core',
        linkState: 'up' as const,
      })),
    },
  };
}

function pageOf(page: number, hosts: number): Cidr {
  const first = page * hostsPerPage;
  const count = Math.min(hostsPerPage, hosts - first);
  return {
    apiVersion,
    kind: 'CIDR',
    metadata: { name: pageName(networkName, page), labels: { [label.network]: networkName } },
    spec: {
      network: networkName,
      page,
      hosts: Array.from({ length: count }, (_, i) => ({ hostName: hostName(first + i), hostIndex: first + i })),
    },
  };
}
