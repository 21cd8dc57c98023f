import { assemble, everything, giveBack, type Instruction, jumpIfEqual } from '../netlink/filter.ts';
import type { Family } from '../netlink/types.ts';

/**
 * Echo requests and replies of ICMP (RFC 792) and ICMPv6 (RFC 4443 §4): type, code, checksum, identifier, sequence number, and data, which comes
 * back as it was sent.
 */

const echoTypes = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;

const headerSize = 8;
/** Bytes that tell answers to our requests from others'; the identifier's 16 bits could be the same by chance. */
export const tokenSize = 8;

/** A whole message. The kernel fills in the checksum of ICMPv6, which covers addresses that are not known here (RFC 3542 §3.1). */
export function echoRequest(family: Family, sequence: number, token: Uint8Array): Buffer {
  const message = Buffer.alloc(headerSize + tokenSize);
  message[0] = echoTypes[family].request;
  message.set(token.subarray(0, 2), 4);
  message.writeUInt16BE(sequence, 6);
  message.set(token, headerSize);
  if (family === 4) message.writeUInt16BE(checksum(message), 2);
  return message;
}

/**
 * @param packet as a raw socket gives it: in IPv4 with the header (raw(7))
 * @returns the sequence number of the request that it answers; undefined where it is no answer to a request with this token
 */
export function answeredSequence(family: Family, packet: Buffer, token: Uint8Array): number | undefined {
  const message = packet.subarray(family === 4 ? ((packet[0] ?? 0) & 0xf) * 4 : 0);
  if (message[0] !== echoTypes[family].reply) return undefined;
  const isOurs = message.subarray(headerSize, headerSize + tokenSize).equals(token);
  return isOurs ? message.readUInt16BE(6) : undefined;
}

/** Opcodes of classic BPF (linux/filter.h, bpf_common.h): the length of an IP header into X, and what stands at X + k into A. */
const ipHeaderLength = 0xb1;
const loadByteBehind = 0x50;
const loadWordBehind = 0x40;

/**
 * A program for attachFilter() that lets only answers to requests with this token into a raw socket: a flood of other replies would otherwise fill
 * its buffer, so that ours are lost, and keep the agent busy.
 */
export function onlyAnswers(family: Family, token: Buffer): Buffer {
  const skipHeader: Instruction[] = family === 4 ? [[ipHeaderLength, 0, 0, 0]] : [];
  return assemble([
    ...skipHeader,
    [loadByteBehind, 0, 0, 0],
    [jumpIfEqual, 0, 5, echoTypes[family].reply],
    [loadWordBehind, 0, 0, headerSize],
    [jumpIfEqual, 0, 3, token.readUInt32BE(0)],
    [loadWordBehind, 0, 0, headerSize + 4],
    [jumpIfEqual, 0, 1, token.readUInt32BE(4)],
    [giveBack, 0, 0, everything],
    [giveBack, 0, 0, 0],
  ]);
}

/** The Internet checksum (RFC 1071) of an even number of bytes. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
