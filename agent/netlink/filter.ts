import { messageHeaderSize } from './codec.ts';
import { RTM } from './constants.ts';

/** Opcodes of classic BPF (linux/filter.h, bpf_common.h): load a byte, compare, return. */
const loadByte = 0x30;
export const jumpIfEqual = 0x15;
export const giveBack = 0x06;
export const everything = 0xffffffff;

/** Where a message has its type's low byte (struct nlmsghdr), and a route its protocol (struct rtmsg). */
const typeAt = 4;
const protocolAt = messageHeaderSize + 5;

/** A program for attachFilter() that lets all messages through but routes of that protocol number that are added or replaced. */
export function withoutNewRoutes(protocol: number): Buffer {
  return assemble([
    [loadByte, 0, 0, typeAt],
    [jumpIfEqual, 0, 3, RTM.NEWROUTE],
    [loadByte, 0, 0, protocolAt],
    [jumpIfEqual, 0, 1, protocol],
    [giveBack, 0, 0, 0],
    [giveBack, 0, 0, everything],
  ]);
}

/** struct sock_filter of one instruction: what to do, how many to skip if true and if false, and with which constant. */
export type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, k: number];

/** A program for attachFilter(). */
export function assemble(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(8 * instructions.length);
  for (const [i, [code, ifTrue, ifFalse, k]] of instructions.entries()) {
    bytes.writeUInt16LE(code, 8 * i);
    bytes.writeUInt8(ifTrue, 8 * i + 2);
    bytes.writeUInt8(ifFalse, 8 * i + 3);
    bytes.writeUInt32LE(k, 8 * i + 4);
  }
  return bytes;
}
