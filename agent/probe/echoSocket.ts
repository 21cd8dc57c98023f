import koffi from 'koffi';
import { AF } from '../netlink/constants.ts';
import * as libc from '../netlink/libc.ts';
import { parseAddress } from '../netlink/text.ts';
import type { Family } from '../netlink/types.ts';
import { answeredSequence, echoRequest, onlyAnswers } from './echo.ts';

/** Numbers of linux/in.h and in6.h. */
const numbers = {
  4: { domain: AF.INET, protocol: 1, level: 0, IP_UNICAST_IF: 50 },
  6: { domain: AF.INET6, protocol: 58, level: 41, IP_UNICAST_IF: 76 },
} as const;
const packetSize = 256;

/**
 * A raw ICMP socket (CAP_NET_RAW) that sends echo requests, each out of the NIC that it names. An answer counts whichever NIC it comes in by:
 * with several NICs in one subnet, Linux answers for the address of one on another (ip-sysctl.rst, arp_ignore).
 */
export class EchoSocket implements Disposable {
  readonly #family: Family;
  readonly #token: Buffer;
  readonly #fd: number;
  readonly #poll: ReturnType<typeof koffi.node.poll>;
  readonly #buffer = Buffer.allocUnsafeSlow(packetSize);

  /**
   * @param token tokenSize bytes that nobody guesses
   * @param answered called for each answer, with the request's sequence number
   * @throws SystemError
   */
  constructor(family: Family, token: Buffer, answered: (sequence: number) => void) {
    this.#family = family;
    this.#token = token;
    const { domain, protocol } = numbers[family];
    this.#fd = libc.socket(domain, libc.SOCK_RAW_CLOEXEC, protocol);
    try {
      libc.attachFilter(this.#fd, onlyAnswers(family, token));
      this.#poll = koffi.node.poll(this.#fd, { readable: true }, () => {
        this.#read(answered);
      });
      this.#poll.unref();
    } catch (error) {
      libc.close(this.#fd);
      throw error;
    }
  }

  /** @param device index of the NIC; @throws SystemError if the kernel does not send it, for example as there is no such NIC (any more) */
  send(device: number, address: string, sequence: number): void {
    const { level, IP_UNICAST_IF } = numbers[this.#family];
    const index = Buffer.alloc(4);
    index.writeUInt32BE(device);
    libc.setsockopt(this.#fd, level, IP_UNICAST_IF, index);
    libc.sendto(this.#fd, echoRequest(this.#family, sequence, this.#token), socketAddress(address));
  }

  [Symbol.dispose](): void {
    this.#poll.close();
    libc.close(this.#fd);
  }

  #read(answered: (sequence: number) => void): void {
    for (;;) {
      const length = this.#receive();
      if (length === undefined) return;
      const packet = this.#buffer.subarray(0, length);
      const sequence = answeredSequence(this.#family, packet, this.#token);
      if (sequence !== undefined) answered(sequence);
    }
  }

  /** Undefined if there is none now. A socket that fails has no answers, which is what the round is to find out. */
  #receive(): number | undefined {
    try {
      return libc.recv(this.#fd, this.#buffer);
    } catch (error) {
      if (error instanceof libc.SystemError) return undefined;
      throw error;
    }
  }
}

/** struct sockaddr_in or sockaddr_in6 (ip(7), ipv6(7)), without a port. */
function socketAddress(text: string): Buffer {
  const { family, bytes } = parseAddress(text);
  const address = Buffer.alloc(family === 4 ? 16 : 28);
  address.writeUInt16LE(numbers[family].domain, 0);
  address.set(bytes, family === 4 ? 4 : 8);
  return address;
}
