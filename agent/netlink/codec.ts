import { parseAttributes, readText, type Writer } from './attributes.ts';
import { NLM_F, NLMSG, NLMSGERR_ATTR } from './constants.ts';

/** Bytes of struct nlmsghdr (netlink.h): length, type, flags, sequence number, port. */
export const messageHeaderSize = 16;

/** One message of a datagram; `payload` is a view of the receive buffer. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** What the kernel says of a request: errno 0 is success, negative numbers are failures. */
export interface Acknowledgement {
  readonly errno: number;
  readonly text: string | null;
}

/** Writes one whole message: the header, then what `body` writes. */
export function writeMessage(
  writer: Writer,
  head: { readonly type: number; readonly flags: number; readonly sequence: number },
  body: () => void,
): void {
  const at = writer.reserve(messageHeaderSize);
  writer.setUint16(at + 4, head.type);
  writer.setUint16(at + 6, head.flags);
  writer.setUint32(at + 8, head.sequence);
  body();
  writer.setUint32(at, writer.length - at);
}

/** The messages of one datagram. */
export function* eachMessage(datagram: Buffer): Generator<Message> {
  for (let at = 0; at + messageHeaderSize <= datagram.length;) {
    const length = datagram.readUInt32LE(at);
    if (length < messageHeaderSize || at + length > datagram.length) return;
    yield {
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      payload: datagram.subarray(at + messageHeaderSize, at + length),
    };
    at += (length + 3) & ~3;
  }
}

/**
 * Reads NLMSG_ERROR, and NLMSG_DONE, which carries an error the same way, with the extended acknowledgement's text
 * (NETLINK_EXT_ACK) where the kernel sent one.
 */
export function parseAcknowledgement(message: Message): Acknowledgement {
  const { type, flags, payload } = message;
  if (payload.length < 4) return { errno: 0, text: null };
  const errno = payload.readInt32LE(0);
  if ((flags & NLM_F.ACK_TLVS) === 0) return { errno, text: null };
  let at = 4;
  if (type === NLMSG.ERROR) {
    // The request's header is echoed, and all of the request unless the acknowledgement is capped.
    const echoed = (flags & NLM_F.CAPPED) !== 0 ? messageHeaderSize : payload.readUInt32LE(4);
    at += (echoed + 3) & ~3;
  }
  return { errno, text: readText(parseAttributes(payload.subarray(at)), NLMSGERR_ATTR.MSG) ?? null };
}
