import type { AuditFinding } from './types.ts';
import { addressesOf, type AuditView, podName, poolName, type UsedAddress, usedAddresses } from './view.ts';

interface Users extends UsedAddress {
  /** How often live records have the address. */
  records: number;
  /** UIDs, or what replaces them if no pod is known. */
  owners: Set<string>;
  networks: Set<string>;
  objects: Set<string>;
}

/**
 * Addresses that two live records hold, or that two pods use, in whichever networks; and hardware addresses that two pods ask for in one subnet
 * of one network.
 */
export function findDuplicates({ live, pods, networks }: AuditView): AuditFinding[] {
  const byAddress = new Map<string, Users>();
  const usersOf = (used: UsedAddress): Users => {
    const { network, address, netAddress } = used;
    const key = netAddress === undefined ? address : `${address} ${network} ${netAddress}`;
    const users = byAddress.get(key) ?? {
      ...used,
      records: 0,
      owners: new Set(),
      networks: new Set(),
      objects: new Set(),
    };
    byAddress.set(key, users);
    users.networks.add(network);
    return users;
  };
  for (const { record, pool, pod } of live) {
    const owner = pod?.uid ?? (record.podUID || `${record.namespace} ${record.reservation ?? record.name}`);
    for (const address of addressesOf(record.nics)) {
      const users = usersOf({ network: pool.spec.network, address });
      users.records++;
      users.owners.add(owner);
      users.objects.add(poolName(pool)).add(podName(record));
    }
  }
  for (const pod of pods) {
    for (const used of usedAddresses(pod, networks)) {
      const users = usersOf(used);
      users.owners.add(pod.uid);
      users.objects.add(podName(pod));
    }
  }
  return [...byAddress.values()]
    .filter(({ records, owners }) => records > 1 || owners.size > 1)
    .map(users => ({
      kind: 'duplicate',
      network: [...users.networks].sort().join(','),
      objects: [...users.objects],
      message: messageOf(users),
    }));
}

function messageOf({ address, netAddress, records, owners, networks }: Users): string {
  if (netAddress !== undefined) {
    return `more than one pod asks for the hardware address ${address} in ${netAddress}; give each a mac of its own`;
  }
  if (owners.size === 1 && networks.size === 1) {
    return `${records} records of one pod hold ${address}; take out the line that is too many: kubectl edit --subresource=status ippool`;
  }
  return records > 1
    ? `${records} live records hold ${address}; delete all but one of these pods, and report a defect`
    : `${address} has more than one user; delete the pod that has no record of it`;
}
