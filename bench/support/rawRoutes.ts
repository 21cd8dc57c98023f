import { Writer } from '../../agent/netlink/attributes.ts';
import { writeRouteChange } from '../../agent/netlink/route-requests.ts';
import { NetlinkSocket } from '../../agent/netlink/socket.ts';
import type { RouteChange } from '../../agent/netlink/types.ts';

/** Bytes of one send, as the netlink layer has it. */
const sendSize = 60 * 1024;

/**
 * The least that changing routes can cost from here: messages that were composed beforehand, sent in large pieces on one socket of the
 * calling thread, and their acknowledgements read.
 */
export class RawRoutes implements Disposable {
  readonly #socket = new NetlinkSocket();
  readonly #pieces: { readonly bytes: Uint8Array; readonly sequences: Set<number> }[] = [];

  /** @param changes with devices by index */
  constructor(changes: readonly RouteChange[]) {
    let writer = new Writer();
    let sequences = new Set<number>();
    for (const change of changes) {
      const sequence = this.#socket.nextSequence();
      writeRouteChange(writer, sequence, change, { linkIndex: Number, namespaceFd: () => -1 });
      sequences.add(sequence);
      if (writer.length < sendSize && sequences.size < this.#socket.maxInFlight) continue;
      this.#pieces.push({ bytes: writer.bytes(), sequences });
      writer = new Writer();
      sequences = new Set();
    }
    if (sequences.size > 0) this.#pieces.push({ bytes: writer.bytes(), sequences });
  }

  /** @throws where the kernel refuses one */
  send(): void {
    let refused = 0;
    for (const { bytes, sequences } of this.#pieces) {
      this.#socket.exchange(bytes, sequences, (_sequence, { errno }) => {
        if (errno !== 0) refused += 1;
      });
    }
    if (refused > 0) throw new Error(`the kernel refused ${refused} routes`);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
