import { bareAddress } from '../net/interfaceAddress.ts';
import type { AuditFinding } from './types.ts';
import { addressesOf, type AuditView, isStaying, podName, poolName } from './view.ts';

/** Addresses that a pod was given and nobody holds for it, and those that it holds and has no more. */
export function findMissing(view: AuditView): AuditFinding[] {
  return [...unrecorded(view), ...removed(view)];
}

/** Addresses that admission gave to a pod that runs and is to go on, and that no live record holds for that attachment. */
function unrecorded({ pods, byPod, networks }: AuditView): AuditFinding[] {
  return pods
    .filter(pod => pod.isRunning && isStaying(pod))
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

/** Addresses that a record holds and that the node's agent does not find in the pod: somebody took them, or their interface, away. */
function removed({ pods, byPod }: AuditView): AuditFinding[] {
  return pods
    .filter(pod => (pod.isChanged ?? false) && isStaying(pod))
    .flatMap(pod =>
      (byPod.get(pod) ?? []).flatMap(({ record, pool }): AuditFinding[] => {
        const { network } = pool.spec;
        const there = pod.interfaces.filter(link => link.network === network).flatMap(({ addresses }) => addresses);
        const lacking = addressesOf(record.nics).filter(address => !there.map(bareAddress).includes(address));
        if (lacking.length === 0) return [];
        return [
          {
            kind: 'missing',
            network,
            objects: [podName(pod), ...(pod.node === undefined ? [] : [`node ${pod.node}`])],
            message: `${record.interface} was given ${lacking.join(', ')}, which its node's agent does not find in the pod; delete and re-create the pod`,
          },
        ];
      }),
    );
}
