import { Writer } from '../../agent/netlink/attributes.ts';
import { type Acknowledgement, eachMessage, parseAcknowledgement } from '../../agent/netlink/codec.ts';
import { Datagrams } from '../../agent/netlink/datagrams.ts';
import * as libc from '../../agent/netlink/libc.ts';
import { writeRouteChange } from '../../agent/netlink/routeRequests.ts';
import { NetlinkSocket } from '../../agent/netlink/socket.ts';
import type { RouteChange } from '../../agent/netlink/types.ts';

/** Bytes of one send, as the netlink layer has it. */
const sendSize = 60 * 1024;

/**
 * Changing routes with nothing around it: messages that were composed beforehand, sent in large pieces on one socket of the calling
 * thread, and their acknowledgements read.
 */
export class RawRoutes implements Disposable {
  readonly #socket = new NetlinkSocket();
  readonly #datagrams = new Datagrams(this.#socket.fd);
  readonly #pieces: { readonly bytes: Buffer; readonly count: number }[] = [];

  /** @param changes with devices by index */
  constructor(changes: readonly RouteChange[]) {
    let writer = new Writer();
    let count = 0;
    for (const change of changes) {
      const sequence = this.#socket.nextSequence();
      writeRouteChange(writer, sequence, change, { linkIndex: Number, namespaceFd: () => -1 });
      count += 1;
      if (writer.length < sendSize && count < this.#socket.maxInFlight) continue;
      this.#pieces.push({ bytes: writer.bytes(), count });
      writer = new Writer();
      count = 0;
    }
    if (count > 0) this.#pieces.push({ bytes: writer.bytes(), count });
  }

  /** As programs commonly do it: each request is acknowledged. @throws where the kernel refuses one */
  send(): void {
    for (const { bytes, count } of this.#pieces) {
      libc.send(this.#socket.fd, bytes);
      for (let left = count; left > 0;) {
        for (const message of eachMessage(this.#datagrams.receive())) {
          accept(parseAcknowledgement(message));
          left -= 1;
        }
      }
    }
  }

  /** The least there is: of each piece only the last is acknowledged. To be called last. @throws where the kernel refuses one */
  async sendTersely(): Promise<void> {
    for (const { bytes } of this.#pieces) {
      await this.#socket.exchange(bytes, true, (_sequence, acknowledgement) => {
        accept(acknowledgement);
      });
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

function accept({ errno, text }: Acknowledgement): void {
  if (errno !== 0) throw new Error(`the kernel refused a route: ${text ?? errno}`);
}
