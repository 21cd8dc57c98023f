import { parseAttributes, type Writer } from './attributes.ts';
import { afOf, writeMessage } from './codec.ts';
import { NETNSA, NLM_F, RTM } from './constants.ts';

/** RTM_GETNSID (net_namespace.h) for the namespace of an open file. struct rtgenmsg is one byte, aligned to four. */
export function writeNetnsIdGet(writer: Writer, sequence: number, fd: number): void {
  writeMessage(writer, { type: RTM.GETNSID, flags: NLM_F.REQUEST | NLM_F.ACK, sequence }, () => {
    writer.setUint8(writer.reserve(4), afOf(undefined));
    writer.uint32(NETNSA.FD, fd);
  });
}

/** The number; null where none has been given (the kernel's -1). */
export function parseNetnsId(payload: Buffer): number | null {
  const id = parseAttributes(payload.subarray(4)).get(NETNSA.NSID)?.readInt32LE(0) ?? -1;
  return id < 0 ? null : id;
}
