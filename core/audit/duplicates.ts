import type { AuditFinding } from './types.ts';
import { addressesOf, podName, poolName, usedAddresses, type AuditView } from './view.ts';

interface Users {
  network: string;
  /** How often live records have the address. */
  records: number;
  /** UIDs, or what stands for them where no pod is known. */
  owners: Set<string>;
  objects: Set<string>;
}

/** Addresses that two live records hold, or that two pods use, whichever networks they are of. */
export function findDuplicates({ live, pods, networks }: AuditView): AuditFinding[] {
  const byAddress = new Map<string, Users>();
  const usersOf = (address: string, network: string): Users => {
    const users = byAddress.get(address) ?? { network, records: 0, owners: new Set(), objects: new Set() };
    byAddress.set(address, users);
    return users;
  };
  for (const { record, pool, pod } of live) {
    const owner = pod?.uid ?? (record.podUID || `${record.namespace} ${record.reservation ?? record.name}`);
    for (const address of addressesOf(record.nics)) {
      const users = usersOf(address, pool.spec.network);
      users.records++;
      users.owners.add(owner);
      users.objects.add(poolName(pool)).add(podName(record));
    }
  }
  for (const pod of pods) {
    for (const { network, address } of usedAddresses(pod, networks)) {
      const users = usersOf(address, network);
      users.owners.add(pod.uid);
      users.objects.add(podName(pod));
    }
  }
  return [...byAddress]
    .filter(([, { records, owners }]) => records > 1 || owners.size > 1)
    .map(([address, { network, records, objects }]) => ({
      kind: 'duplicate',
      network,
      objects: [...objects],
      message:
        records > 1
          ? `${records} live records hold ${address}; delete all but one of these pods, and report a defect`
          : `${address} has more than one user; delete the pod that has no record of it`,
    }));
}
