import { constants } from 'node:os';
import * as libc from './libc.ts';

const wantedReceiveBuffer = 4 * 1024 * 1024;
/** The kernel answers within the request itself, and each part of a list within the reading of it; waiting longer means that an answer got lost. */
const answerTimeoutSeconds = 10;
const sockaddrSize = 12;

/**
 * Makes a NETLINK_ROUTE socket of the calling thread's network namespace. Joins the multicast groups (RTNLGRP_*), with a filter (see filter.ts) where
 * there is one.
 * @returns its descriptor, and the size of its receive buffer as the kernel counts it, bytes
 * @throws SystemError
 */
export function openSocket(groups: readonly number[], filter?: Uint8Array): { fd: number; receiveBuffer: number } {
  const fd = libc.socket(libc.AF_NETLINK, libc.SOCK_RAW_CLOEXEC, libc.NETLINK_ROUTE);
  try {
    enlargeReceiveBuffer(fd);
    const timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(BigInt(answerTimeoutSeconds), 0);
    libc.setsockopt(fd, libc.SOL_SOCKET, libc.SO_RCVTIMEO, timeout);
    setIfKnown(fd, libc.NETLINK_CAP_ACK);
    setIfKnown(fd, libc.NETLINK_EXT_ACK);
    setIfKnown(fd, libc.NETLINK_GET_STRICT_CHK);
    const address = Buffer.alloc(sockaddrSize);
    address.writeUInt16LE(libc.AF_NETLINK, 0);
    // To the kernel: from then on nobody else can send to it. In the namespace of a pod, one with CAP_NET_ADMIN could else answer in the kernel's place.
    libc.connect(fd, address);
    if (filter) libc.attachFilter(fd, filter);
    for (const group of groups) libc.setsockopt(fd, libc.SOL_NETLINK, libc.NETLINK_ADD_MEMBERSHIP, uint32(group));
    return { fd, receiveBuffer: libc.getsockopt(fd, libc.SOL_SOCKET, libc.SO_RCVBUF) };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Beyond net.core.rmem_max if that is allowed (CAP_NET_ADMIN), otherwise up to it. */
function enlargeReceiveBuffer(fd: number): void {
  const size = uint32(wantedReceiveBuffer);
  try {
    libc.setsockopt(fd, libc.SOL_SOCKET, libc.SO_RCVBUFFORCE, size);
  } catch {
    libc.setsockopt(fd, libc.SOL_SOCKET, libc.SO_RCVBUF, size);
  }
}

/** Kernels older than the option answer ENOPROTOOPT, and work without it. */
function setIfKnown(fd: number, option: number): void {
  try {
    libc.setsockopt(fd, libc.SOL_NETLINK, option, uint32(1));
  } catch (error) {
    if (!(error instanceof libc.SystemError) || error.errno !== constants.errno.ENOPROTOOPT) throw error;
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
