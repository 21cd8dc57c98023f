import { align } from './attributes.ts';
import { BatchCancelled } from './batch.ts';
import type { Refusal } from './compose.ts';
import { sendSize, type NetlinkSocket } from './socket.ts';

/**
 * Sends what compose() made in pieces, whatever the kernel refuses of it.
 * @param requests whole messages with the indexes of their operations in place of sequence numbers
 * @param cancelled asked before each piece
 * @throws BatchCancelled, SystemError
 */
export function sendComposed(socket: NetlinkSocket, requests: Buffer, cancelled: () => boolean): Refusal[] {
  const refusals: Refusal[] = [];
  for (let at = 0; at < requests.length;) {
    if (cancelled()) throw new BatchCancelled();
    const start = at;
    const indexes = new Map<number, number>();
    while (at < requests.length && at - start < sendSize && indexes.size < socket.maxInFlight) {
      const sequence = socket.nextSequence();
      indexes.set(sequence, requests.readUInt32LE(at + 8));
      requests.writeUInt32LE(sequence, at + 8);
      at += align(requests.readUInt32LE(at));
    }
    socket.exchange(requests.subarray(start, at), (sequence, { errno, text }) => {
      const index = indexes.get(sequence);
      if (index !== undefined && errno !== 0) refusals.push({ index, errno: -errno, text });
    });
  }
  return refusals;
}
