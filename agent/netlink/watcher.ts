import { constants } from 'node:os';
import koffi from 'koffi';
import { eachMessage } from './codec.ts';
import { groupNumber, type MonitorEvent, parseEvent } from './events.ts';
import { withoutNewRoutes } from './filter.ts';
import { SystemError } from './libc.ts';
import type { EventSink } from './monitor.ts';
import { NetlinkSocket } from './socket.ts';

/** Datagrams per turn of the event loop, so that other work gets its turn in a storm of events. */
const datagramsPerTurn = 256;

/** Listens to multicast groups on the event loop: no thread waits, an idle one costs nothing, and it keeps no process alive. */
export class Watcher implements Disposable {
  readonly #sink: EventSink;
  readonly #socket: NetlinkSocket;
  readonly #poll: ReturnType<typeof koffi.node.poll>;

  /** Made in the namespace that it is to listen to. */
  constructor(sink: EventSink) {
    this.#sink = sink;
    const { groups, exceptNewRoutesOf } = sink.subscription;
    const filter = exceptNewRoutesOf === undefined ? undefined : withoutNewRoutes(exceptNewRoutesOf);
    this.#socket = new NetlinkSocket(groups.map(groupNumber), filter);
    this.#poll = koffi.node.poll(this.#socket.fd, { readable: true }, () => {
      this.#deliver();
    });
    this.#poll.unref();
  }

  [Symbol.dispose](): void {
    this.#poll.close();
    this.#socket[Symbol.dispose]();
  }

  #deliver(): void {
    try {
      const events = this.#drain();
      if (events.length > 0) this.#sink.receive(events);
    } catch (error) {
      this.#sink.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #drain(): MonitorEvent[] {
    const events: MonitorEvent[] = [];
    for (let count = 0; count < datagramsPerTurn; count += 1) {
      try {
        const datagram = this.#socket.next();
        if (datagram === undefined) break;
        for (const message of eachMessage(datagram)) {
          const event = parseEvent(message);
          if (event !== undefined) events.push(event);
        }
      } catch (error) {
        if (!(error instanceof SystemError) || error.errno !== constants.errno.ENOBUFS) throw error;
        events.push({ type: 'resync', reason: 'overrun' });
      }
    }
    return events;
  }
}
