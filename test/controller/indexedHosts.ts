import { apiVersion } from '../../core/api/names.ts';
import { emptyPool, formatPool } from '../../core/pool/content.ts';
import { nodePoolName } from '../../core/pool/name.ts';
import { hostInterfaces, ipPools } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import type { ControllerSite } from './site.ts';
import { host, inParallel } from './support.ts';

/** Hosts that get an index in networks. */
export interface IndexedHosts {
  /** Adds Nodes with their HostInterfaces; a name is followed by a dash and a number. */
  readonly addHosts: (names: readonly string[]) => Promise<void>;
  /** Waits until so many hosts have an index in a network. */
  readonly allIndexed: (name: string, count: number) => Promise<ReadonlyMap<string, number>>;
  /** A node's pool, in which a pod holds the address. */
  readonly createPool: (of: string, hostName: string, address: string) => Promise<void>;
}

/** @param site whose cluster need not be up yet */
export function indexedHosts(site: ControllerSite): IndexedHosts {
  const addHosts = async (names: readonly string[]): Promise<void> => {
    await site.cluster.addFakeNodes(names.map(name => ({ name })));
    await inParallel(names, name => site.client.create(hostInterfaces, host(name, Number(name.split('-')[1]))));
  };

  const allIndexed = (name: string, count: number): Promise<ReadonlyMap<string, number>> =>
    eventually(`${count} hosts with an index in ${name}`, async () => {
      const indexes = await site.seen.indexes(name);
      return indexes.size === count && indexes;
    });

  const createPool = async (of: string, hostName: string, address: string): Promise<void> => {
    const metadata = { name: nodePoolName(of, hostName) };
    const spec = { network: of, hostName, blocks: [] };
    const pool = await site.client.create(ipPools, { apiVersion, kind: 'IPPool', metadata, spec });
    const nics = [{ netAddress: '172.20.1.0/24', addresses: [address] }];
    const pod = { podUID: hostName, namespace: 'default', name: hostName, interface: 'net1', nics };
    const allocations = [{ ...pod, state: 'Allocated' as const, since: new Date().toISOString() }];
    await site.client.updateStatus(ipPools, { ...pool, status: formatPool({ ...emptyPool, allocations }) });
  };

  return { addHosts, allIndexed, createPool };
}
