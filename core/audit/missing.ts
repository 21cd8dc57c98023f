import type { AuditFinding } from './types.ts';
import { addressesOf, type AuditView, podName, poolName } from './view.ts';

/** Addresses that admission gave to a pod that runs, and that no live record holds for that attachment. */
export function findMissing({ pods, byPod, networks }: AuditView): AuditFinding[] {
  return pods
    .filter(({ isRunning }) => isRunning)
    .flatMap(pod =>
      pod.attachments.flatMap((attachment): AuditFinding[] => {
        const { network } = attachment;
        const wanted = addressesOf(attachment.nics);
        if (wanted.length === 0 || !networks.has(network)) return [];
        const records = (byPod.get(pod) ?? []).filter(
          ({ record, pool }) => record.interface === attachment.interface && pool.spec.network === network,
        );
        const held = new Set(records.flatMap(({ record }) => addressesOf(record.nics)));
        const lacking = wanted.filter(address => !held.has(address));
        if (lacking.length === 0) return [];
        const has = held.size === 0 ? 'there is no record of it' : `its record has ${[...held].join(', ')}`;
        return [
          {
            kind: 'missing',
            network,
            objects: [podName(pod), ...records.map(({ pool }) => poolName(pool))],
            message: `${attachment.interface} was given ${lacking.join(', ')}, but ${has}; delete and re-create the pod, or others may get the address`,
          },
        ];
      }),
    );
}
