import type { HostInterface, ObjectMeta } from '../api/types.ts';
import { MultiNicError } from '../errors.ts';
import { isRecord } from '../json.ts';
import { listOf, objectOf, orNull, type Shape, text } from '../shape.ts';

/** Objects of the multi-nic-cni operator, the parts that matter: its CIDR and IPPool have our kinds' names, but another shape. */

/** The operator's finalizers. Where it does not run nobody removes them, and an object with one can never be deleted. */
export const oldFinalizer = /^finalizers\.[a-z]+\.multinic\.fms\.io$/;

/** The block of one NIC of one host. */
export interface OldHost {
  hostIndex: number;
  hostName: string;
  interfaceName: string;
  podCIDR: string;
}

/** A host subnet and the blocks of the hosts in it. */
export interface OldSubnet {
  netAddress: string;
  interfaceIndex: number;
  hosts: OldHost[] | null;
}

/** One a network, of the same name. */
export interface OldCidr {
  metadata: ObjectMeta;
  spec: { cidr: OldSubnet[] | null };
}

export interface OldAllocation {
  pod: string;
  namespace: string;
  address: string;
}

/** One a block; `netAttachDef` is the network. */
export interface OldPool {
  metadata: ObjectMeta;
  spec: { netAttachDef: string; hostName: string; allocations: OldAllocation[] | null };
}

/** What the operator left. */
export interface Predecessor {
  cidrs: OldCidr[];
  pools: OldPool[];
  hosts: HostInterface[];
}

const index: Shape = (value, path) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : `${path} is not an index`;

const host = objectOf({ hostIndex: index, hostName: text, interfaceName: text, podCIDR: text }, [
  'hostIndex',
  'hostName',
  'interfaceName',
  'podCIDR',
]);
const subnet = objectOf({ netAddress: text, interfaceIndex: index, hosts: orNull(listOf(host)) }, [
  'netAddress',
  'interfaceIndex',
]);
const allocation = objectOf({ pod: text, namespace: text, address: text }, ['pod', 'namespace', 'address']);
const nic = objectOf({ interfaceName: text, netAddress: text, hostIP: text }, ['interfaceName']);

const metadata = objectOf({ name: text }, ['name']);
const specs: Readonly<Record<string, Shape>> = {
  // A field that is absent was pruned: the objects were saved after the CustomResourceDefinitions had been replaced.
  CIDR: (value, path) =>
    isRecord(value) && 'cidr' in value
      ? objectOf({ cidr: orNull(listOf(subnet)) })(value, path)
      : `${path} has no cidr`,
  IPPool: (value, path) =>
    isRecord(value) && 'allocations' in value
      ? objectOf({ netAttachDef: text, hostName: text, allocations: orNull(listOf(allocation)) }, [
          'netAttachDef',
          'hostName',
        ])(value, path)
      : `${path} has no allocations`,
  HostInterface: objectOf({ hostName: text, interfaces: listOf(nic) }, ['hostName', 'interfaces']),
};

/**
 * Reads what `kubectl get cidrs,ippools,hostinterfaces -o yaml` (or -o json) printed; other kinds are passed over.
 * @param documents objects, or lists of objects
 * @throws MultiNicError MNN_IMPORT_UNREADABLE
 */
export function readPredecessor(documents: readonly unknown[]): Predecessor {
  const found: Predecessor = { cidrs: [], pools: [], hosts: [] };
  for (const object of documents.flatMap(itemsOf)) {
    const { kind } = object;
    const spec = typeof kind === 'string' ? specs[kind] : undefined;
    if (typeof kind !== 'string' || !spec) continue;
    const fault = metadata(object.metadata, 'metadata') ?? spec(object.spec, 'spec');
    if (fault !== undefined) {
      const name = isRecord(object.metadata) ? String(object.metadata.name) : '';
      throw new MultiNicError('MNN_IMPORT_UNREADABLE', `${kind.toLowerCase()} ${name}: ${fault}`);
    }
    // The shapes above have just been checked.
    if (kind === 'CIDR') found.cidrs.push(object as unknown as OldCidr);
    else if (kind === 'IPPool') found.pools.push(object as unknown as OldPool);
    else found.hosts.push(object as unknown as HostInterface);
  }
  // Without a CIDR: all networks have their addresses from other IPAM plugins.
  if (Object.values(found).every((objects: unknown[]) => objects.length === 0)) {
    throw new MultiNicError('MNN_IMPORT_UNREADABLE', 'there is no CIDR, IPPool or HostInterface in it');
  }
  return found;
}

function itemsOf(document: unknown): Record<string, unknown>[] {
  if (document === null) return [];
  if (!isRecord(document))
    throw new MultiNicError('MNN_IMPORT_UNREADABLE', 'it contains a document that is not an object');
  return Array.isArray(document.items) ? document.items.flatMap(itemsOf) : [document];
}

/** Whether a CIDR or IPPool, as read from the API server, is ours. Of the predecessor's, our schema hides all but a few fields. */
export function isOurs({ spec }: { spec?: unknown }): boolean {
  return isRecord(spec) && 'network' in spec;
}
