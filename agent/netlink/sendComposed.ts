import { align } from './attributes.ts';
import { BatchCancelled } from './batch.ts';
import type { Refusal } from './compose.ts';
import { sendSize, type NetlinkSocket } from './socket.ts';

/**
 * Sends what compose() made in pieces, whatever the kernel refuses of it.
 * @param requests whole messages whose sequence numbers are the indexes of their operations: every answer is read before the next is sent,
 * so that none is taken for another's
 * @param cancelled asked before each piece
 * @throws BatchCancelled, SystemError
 */
export function sendComposed(socket: NetlinkSocket, requests: Buffer, cancelled: () => boolean): Refusal[] {
  const refusals: Refusal[] = [];
  for (let at = 0; at < requests.length;) {
    if (cancelled()) throw new BatchCancelled();
    const start = at;
    for (let count = 0; count < socket.maxInFlight && at < requests.length && at - start < sendSize; count += 1) {
      at += align(requests.readUInt32LE(at));
    }
    socket.exchange(requests.subarray(start, at), (index, { errno, text }) => {
      if (errno !== 0) refusals.push({ index, errno: -errno, text });
    });
  }
  return refusals;
}
