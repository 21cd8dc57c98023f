import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where a replica listens. */
export interface Backend {
  port: number;
  healthPort: number;
}

/** Between two probes of readiness, ms: what is killed is called for so long, as a Service does. */
const probeMs = 250;

/** What a Service is to the API server: one address, each connection to a replica that was ready at its last probe. */
export class Service implements AsyncDisposable {
  readonly #backends: readonly Backend[];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #stopping = new AbortController();
  #ready: Backend[] = [];
  #turn = 0;

  private constructor(backends: readonly Backend[]) {
    this.#backends = backends;
    // A Service is no program: Nagle's algorithm (RFC 896) in this one would hold back what it forwards until the last was acknowledged.
    this.#server = createServer({ noDelay: true }, socket => {
      this.#forward(socket);
    });
  }

  static async start(backends: readonly Backend[]): Promise<Service> {
    const service = new Service(backends);
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    void service.#probe();
    return service;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many replicas were ready when last asked. */
  get ready(): number {
    return this.#ready.length;
  }

  #forward(socket: Socket): void {
    const backend = this.#ready[this.#turn++ % Math.max(1, this.#ready.length)];
    if (!backend) {
      socket.destroy();
      return;
    }
    const upstream = connect({ port: backend.port, host: '127.0.0.1', noDelay: true });
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      this.#sockets.add(from);
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.on('error', () => undefined); // 'close' follows
      from.pipe(to);
    }
  }

  async #probe(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const answers = await Promise.all(this.#backends.map(async backend => ((await isReady(backend)) ? backend : [])));
      this.#ready = answers.flat();
      await sleep(probeMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Whether the program says so on its health port, within two seconds. */
export async function isReady({ healthPort }: Pick<Backend, 'healthPort'>): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(2_000);
    return (await fetch(`http://127.0.0.1:${healthPort}/readyz`, { signal })).ok;
  } catch {
    return false; // it does not listen, or not in time
  }
}
