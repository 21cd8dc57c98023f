import { constants } from 'node:os';
import koffi from 'koffi';
import { eachMessage } from './codec.ts';
import { groupNumber, parseEvent, type MonitorEvent, type Subscription } from './events.ts';
import { withoutNewRoutes } from './filter.ts';
import { MSG_DONTWAIT, SystemError } from './libc.ts';
import { NetlinkSocket } from './socket.ts';

/** So many datagrams a turn of the event loop, so that batches get their turn in a storm of events. */
const datagramsPerTurn = 256;

/** Listens to multicast groups on the event loop of its thread: no thread waits, and an idle one costs nothing. */
export class Watcher implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #poll: ReturnType<typeof koffi.node.poll>;
  readonly #deliver: (events: MonitorEvent[]) => void;

  /** Made in the namespace that it is to listen to. */
  constructor({ groups, exceptNewRoutesOf }: Subscription, deliver: (events: MonitorEvent[]) => void) {
    this.#deliver = deliver;
    const filter = exceptNewRoutesOf === undefined ? undefined : withoutNewRoutes(exceptNewRoutesOf);
    this.#socket = new NetlinkSocket(groups.map(groupNumber), filter);
    this.#poll = koffi.node.poll(this.#socket.fd, { readable: true }, () => this.#drain());
  }

  [Symbol.dispose](): void {
    this.#poll.close();
    this.#socket[Symbol.dispose]();
  }

  #drain(): void {
    const events: MonitorEvent[] = [];
    for (let count = 0; count < datagramsPerTurn; count += 1) {
      try {
        for (const message of eachMessage(this.#socket.receive(MSG_DONTWAIT))) {
          const event = parseEvent(message);
          if (event !== undefined) events.push(event);
        }
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        if (error.errno === constants.errno.EAGAIN) break;
        if (error.errno !== constants.errno.ENOBUFS) throw error;
        events.push({ type: 'resync', reason: 'overrun' });
      }
    }
    if (events.length > 0) this.#deliver(events);
  }
}
