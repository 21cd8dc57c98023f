import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type ClientRequest, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { type ApiAnswer, type ApiBackend, type ApiCall, failure } from './apiBackend.ts';

/**
 * How a request ends. `lost` and `cut`: its connection breaks before or after the API server has acted on it; the others that are not
 * `done` are refusals without effect, but for `lateTimeout`, which says 504 of a write that was done.
 */
export const outcomes = ['done', 'lost', 'cut', 'conflict', 'throttled', 'failed', 'timeout', 'lateTimeout'] as const;
export type Outcome = (typeof outcomes)[number];

/** A request that waits for its answer. */
export interface Parked {
  /** Who sent it, and the how-many-th of all requests it is. */
  actor: string;
  order: number;
  call: ApiCall;
  response: ServerResponse;
  /** Nobody waits for the answer any more: its sender died or gave up. The API server may act on it nevertheless. */
  isOrphan: boolean;
}

/** A break in the work, in milliseconds of real time, after which something must be wrong with the harness. */
const stuckMs = 10_000;

/** So many turns of the event loop without anything new are taken for quiet: sweeps look at a page a turn. */
const calmTurns = 6;

const orderHeader = 'x-order';
const refusals: Partial<Record<Outcome, () => ApiAnswer>> = {
  conflict: () => failure(409, 'Conflict', 'the object has been modified'),
  throttled: () => failure(429, 'TooManyRequests', 'too many requests, please try again later'),
  failed: () => failure(500, 'InternalError', 'etcdserver: leader changed'),
  timeout: () => failure(504, 'Timeout', 'the request did not complete within the allotted time'),
};

/**
 * An HTTP server before the API server that keeps every request waiting until it is told how it ends, and knows when all processes have
 * sent what they would send before they hear more. So one order of answers is one history, the same each time.
 */
export class ApiFront {
  readonly #server = createServer((request, response) => {
    void this.#park(request, response);
  });
  readonly #parked: Parked[] = [];
  readonly #open = new Set<ClientRequest>();
  #requests = 0;
  #busy = 0;
  backend: ApiBackend;
  /** Requests answered, for the summary. */
  answered = 0;

  readonly #onRequest = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    if (!String(request.getHeader('user-agent')).startsWith(actorPrefix)) return;
    request.setHeader(orderHeader, String(++this.#requests));
    this.#open.add(request);
    request.once('close', () => this.#open.delete(request));
  };

  constructor(backend: ApiBackend) {
    this.backend = backend;
  }

  async start(): Promise<string> {
    subscribe('http.client.request.created', this.#onRequest);
    this.#server.listen(0, '127.0.0.1');
    await new Promise(resolve => this.#server.once('listening', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    unsubscribe('http.client.request.created', this.#onRequest);
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  /** Forgets what waits. */
  reset(backend: ApiBackend): void {
    for (const { response } of this.#parked.splice(0)) response.destroy();
    this.#open.clear();
    this.#requests = 0;
    this.#busy = 0;
    this.backend = backend;
  }

  /** What waits, in the order in which it was sent. */
  get parked(): readonly Parked[] {
    return this.#parked;
  }

  /** Does work that takes other real things than requests: a disk, for example. Nobody is quiet before it is done. */
  async busy<T>(work: Promise<T>): Promise<T> {
    this.#busy++;
    try {
      return await work;
    } finally {
      this.#busy--;
    }
  }

  /** Resolves when nobody does anything any more but wait for an answer or for a time. */
  async quiet(): Promise<void> {
    const until = process.hrtime.bigint() + BigInt(stuckMs) * 1_000_000n;
    for (let calm = 0; calm < calmTurns;) {
      await turn();
      const awaited = this.#parked.filter(({ isOrphan }) => !isOrphan).length;
      calm = this.#busy === 0 && this.#open.size === awaited ? calm + 1 : 0;
      if (process.hrtime.bigint() > until) {
        const open = [...this.#open].map(({ method, path }) => `${method} ${path}`);
        throw new Error(`${awaited} have come of ${open.join(', ')}`);
      }
    }
  }

  /** Ends a request that waits. @param staleBy see ApiBackend */
  async answer(request: Parked, outcome: Outcome, staleBy = 0): Promise<void> {
    this.#parked.splice(this.#parked.indexOf(request), 1);
    this.answered++;
    const { response, call } = request;
    if (outcome === 'lost') {
      response.destroy();
      return;
    }
    // Only writes conflict.
    const isRefused = outcome !== 'conflict' || call.method === 'PUT';
    const answer = (isRefused ? refusals[outcome]?.() : undefined) ?? (await this.backend.call(call, staleBy));
    if (outcome === 'cut') response.destroy();
    else send(response, outcome === 'lateTimeout' ? failure(504, 'Timeout', 'request timed out') : answer);
  }

  async #park(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const parked: Parked = {
      actor: (headers['user-agent'] ?? '').slice(actorPrefix.length),
      order: Number(headers[orderHeader]),
      call: { method, url, accept: headers.accept ?? '', body: undefined },
      response,
      isOrphan: false,
    };
    response.once('close', () => {
      parked.isOrphan = true;
    });
    try {
      if (method !== 'GET') parked.call.body = await json(request);
    } catch {
      // Its sender died while it wrote: the API server never heard the whole of it.
      return;
    }
    const at = this.#parked.findIndex(({ order }) => order > parked.order);
    this.#parked.splice(at < 0 ? this.#parked.length : at, 0, parked);
  }
}

/** What the User-Agent of every process begins with; the rest is its name. */
export const actorPrefix = 'actor ';

function send(response: ServerResponse, { status, body }: ApiAnswer): void {
  if (response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    // Node's own would be the real time, which does not pass in a history.
    date: new Date().toUTCString(),
  });
  response.end(text);
}
