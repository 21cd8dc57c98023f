import type { Agent as HttpAgent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { Connection, TlsMaterial } from './connection.ts';
import { cacheCredentials } from './credentialCache.ts';
import { abortable } from './deadline.ts';
import { TransportError } from './errors.ts';
import { http, https } from './http.ts';

/**
 * Idle connections are closed on our side before the API server does it at 90 s (IdleTimeout in k8s.io/apiserver), so that
 * a request seldom meets a connection that is just closing.
 */
const keepAliveMs = 55_000;
const connectMs = 10_000;
const probeAfterMs = 30_000;

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

/** An answer of which the body is still to be read: to its end, or its connection is of no more use. */
export interface Answer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Buffer>;
}

/** The connections of one client: calls on a bounded number, watches on others, both with the current credentials. */
export interface Transport {
  send(request: TransportRequest): Promise<Answer>;
  /** Ends every connection at once; what is under way fails. */
  close(): void;
}

interface Agents {
  readonly tls: TlsMaterial;
  readonly calls: HttpAgent;
  readonly watches: HttpAgent;
}

/**
 * One HTTP/1.1 connection a request, so that what goes wrong on one connection stays there. On node:http, and not on undici, whose parser
 * is a WebAssembly program: compiling it costs every agent more than 10 MiB of memory.
 *
 * @param connection where and how to log in; its credentials are read again every minute, and at once after a 401. New
 *   certificates get new connections; the old ones end when they have been idle
 * @param maxConnections bound on the connections for calls; further calls wait
 */
export function createTransport(connection: Connection, maxConnections: number): Transport {
  const { origin, pathname, protocol } = new URL(connection.server);
  const { Agent, request } = protocol === 'https:' ? https : http;
  const prefix = pathname.replace(/\/+$/, '');
  const cache = cacheCredentials(connection);
  const underWay = new Set<ClientRequest | IncomingMessage>();
  const all = new Set<HttpAgent>();
  let agents: Agents | undefined;
  let closed = false;

  function agentsFor(tls: TlsMaterial): Agents {
    if (agents && isDeepStrictEqual(agents.tls, tls)) return agents;
    const options = { ...tls, keepAlive: true, keepAliveMsecs: probeAfterMs, timeout: keepAliveMs };
    agents = { tls, calls: new Agent({ ...options, maxSockets: maxConnections }), watches: new Agent(options) };
    for (const agent of all) if (isUnused(agent)) all.delete(agent);
    all.add(agents.calls).add(agents.watches);
    return agents;
  }

  async function attempt(req: TransportRequest): Promise<IncomingMessage> {
    const { headers, tls } = await cache.get();
    if (closed) throw new TransportError('closed', 'the client is closed');
    const { calls, watches } = agentsFor(tls);
    const { body } = req;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = request(new URL(prefix + req.path, origin), {
      method: req.method,
      // Without a length, Node sends the body of a DELETE as if it were the next request.
      headers: { ...req.headers, ...headers, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }) },
      agent: req.watch ? watches : calls,
      signal: req.signal,
    });
    const follow = (part: ClientRequest | IncomingMessage): void => {
      underWay.add(part);
      part.once('close', () => underWay.delete(part));
    };
    follow(sent);
    sent.on('error', reject);
    sent.once('response', answer => {
      follow(answer);
      resolve(answer);
    });
    sent.once('socket', socket => {
      limitConnecting(sent, socket);
    });
    sent.end(body);
    return abortable(promise, req.signal);
  }

  return {
    async send(req) {
      let answer = await attempt(req);
      if (answer.statusCode === 401) {
        answer.resume();
        cache.expire();
        answer = await attempt(req);
      }
      return { statusCode: answer.statusCode ?? 0, headers: answer.headers, body: answer };
    },
    close() {
      closed = true;
      const reason = new TransportError('closed', 'the client is closed');
      // The answer first: it tells its reader why, while its request would only cut it off.
      for (const part of [...underWay].reverse()) part.destroy(reason);
      for (const agent of all) agent.destroy();
    },
  };
}

function isUnused({ sockets, freeSockets, requests }: HttpAgent): boolean {
  return [sockets, freeSockets, requests].every(byOrigin => Object.keys(byOrigin).length === 0);
}

/** A server that does not answer at all would keep a request for minutes. */
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
