import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { AgentPool } from './agentPool.ts';
import type { Connection } from './connection.ts';
import { cacheCredentials, type CredentialCache } from './credentialCache.ts';
import { abortable } from './deadline.ts';
import { TransportError } from './errors.ts';
import { http, https } from './http.ts';

const connectMs = 10_000;

/** A call that had less time than this proves nothing of the other end by hearing nothing, ms. */
const tellingSilenceMs = 500;

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly body?: string;
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
  /** A watch holds its connection for minutes, so it does not count among the calls and never keeps them waiting. */
  readonly watch?: boolean;
}

/** An answer whose body is still to be read: to its end, or its connection cannot be used again. */
export interface Answer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Buffer>;
}

/** What may be under way at an abrupt end: a request without its answer, or an answer that is still being read. */
type Part = ClientRequest | IncomingMessage;

/**
 * The connections of one client: calls on a bounded number, watches on others, both with the current credentials. One HTTP/1.1 connection per
 * request, so that what goes wrong on one connection stays there. On node:http, and not on undici, whose parser is a WebAssembly program:
 * compiling it costs every agent more than 10 MiB of memory.
 */
export class Transport {
  readonly #http: typeof http | typeof https;
  /** The server's URL without a trailing slash. */
  readonly #base: string;
  readonly #credentials: CredentialCache;
  readonly #agents: AgentPool;
  readonly #underWay = new Set<Part>();
  /** When an answer last began to come, by the monotonic clock. */
  #heardAt = -Infinity;
  #isClosed = false;

  /**
   * @param connection where and how to log in; its credentials are read again every minute, and at once after a 401
   * @param maxConnections limit on connections for calls; further calls wait
   */
  constructor(connection: Connection, maxConnections: number) {
    const { origin, pathname, protocol } = new URL(connection.server);
    this.#http = protocol === 'https:' ? https : http;
    this.#base = origin + pathname.replace(/\/+$/, '');
    this.#credentials = cacheCredentials(connection);
    this.#agents = new AgentPool(this.#http.Agent, maxConnections);
  }

  /** @throws TransportError, or the signal's reason */
  async send(request: TransportRequest): Promise<Answer> {
    let answer = await this.#attempt(request);
    if (answer.statusCode === 401) {
      answer.resume();
      this.#credentials.expire();
      answer = await this.#attempt(request);
    }
    return { statusCode: answer.statusCode ?? 0, headers: answer.headers, body: answer };
  }

  /** Ends every connection at once; what is under way fails. */
  close(): void {
    this.#isClosed = true;
    // The answer first: so its reader learns why, while destroying its request would only cut it off.
    for (const part of [...this.#underWay].reverse()) part.destroy(closed());
    this.#agents.destroy();
  }

  async #attempt({ method, path, headers, body, signal, watch }: TransportRequest): Promise<IncomingMessage> {
    const { headers: login, tls } = await this.#credentials.get();
    if (this.#isClosed) throw closed();
    const { calls, watches } = this.#agents.for(tls);
    const sent = this.#http.request(this.#base + path, {
      method,
      // Without a length, Node sends the body of a DELETE as if it were the next request.
      headers: { ...headers, ...login, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }) },
      agent: watch ? watches : calls,
      signal,
    });
    this.#follow(sent);
    const sentAt = performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    sent.on('error', reject);
    sent.once('response', answer => {
      this.#heardAt = performance.now();
      this.#follow(answer);
      resolve(answer);
    });
    sent.once('socket', socket => {
      limitConnecting(sent, socket);
    });
    sent.end(body);
    try {
      return await abortable(promise, signal);
    } catch (error) {
      // Nothing was heard at all meanwhile: mostly the idle ones lead to the same end, a machine without power or a load balancer that has forgotten them, and
      // each would cost another call its whole time.
      const wasSilent = this.#heardAt < sentAt && performance.now() - sentAt >= tellingSilenceMs;
      if (isTimeout(error) && wasSilent) this.#agents.dropIdle();
      throw error;
    }
  }

  #follow(part: Part): void {
    this.#underWay.add(part);
    part.once('close', () => this.#underWay.delete(part));
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof TransportError && error.code === 'timeout';
}

function closed(): TransportError {
  return new TransportError('closed', 'the client is closed');
}

/** A server that does not answer at all would hold a request for minutes. */
function limitConnecting(sent: ClientRequest, socket: Socket): void {
  if (!socket.connecting) return;
  const timer = setTimeout(() => {
    sent.destroy(new TransportError('connection', `no connection within ${connectMs} ms`));
  }, connectMs);
  const stop = (): void => {
    clearTimeout(timer);
  };
  socket.once('encrypted' in socket ? 'secureConnect' : 'connect', stop);
  sent.once('close', stop);
}
