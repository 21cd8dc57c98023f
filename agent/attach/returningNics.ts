import { cniCodes, cniError } from '../../core/cni/error.ts';
import type { CheckpointEntry, CheckpointLink } from '../checkpoint/entry.ts';
import type { Attachment, MovedNic } from './attachment.ts';
import { bootId } from './movedNics.ts';

/**
 * Refuses a NIC of the host that another sandbox has, or that has come back from it but is not what it was again: what the host had set would be
 * recorded as it is at this moment, down for example, and never be restored. A runtime that gave up an ADD makes the next sandbox while it still removes
 * the first one, and a kubelet may assign a device again before the pod that had it is torn down.
 * @param entries of the whole node
 * @throws CniError code 11
 */
export function refuseReturningNics({ network, nics }: Attachment, entries: Iterable<CheckpointEntry>): void {
  const wanted = nics.flatMap(({ moves }) => moves ?? []);
  if (wanted.length === 0) return;
  const boot = bootId();
  for (const { pod, links } of entries) {
    const held = wanted.find(nic => links.some(link => isOn(link, nic, boot)));
    if (!held) continue;
    const detail = `network ${network}: ${held.name} went into pod ${pod.namespace}/${pod.name}, and has not come back wholly yet`;
    throw cniError(cniCodes.tryAgainLater, 'MNN_NIC_RETURNING', detail);
  }
}

/** The name of a device that is in a pod may be another one's on the host by now. */
function isOn({ moves, master }: CheckpointLink, { name, device }: MovedNic, boot: string): boolean {
  if (!moves || (moves.bootId !== undefined && moves.bootId !== boot)) return false;
  if (device !== undefined && moves.device !== undefined) return moves.device === device;
  return (moves.name ?? master) === name;
}
