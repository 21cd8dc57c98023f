import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { Dispatcher } from 'undici';
import request from 'undici/lib/api/api-request.js';
import buildConnector from 'undici/lib/core/connect.js';
import Pool from 'undici/lib/dispatcher/pool.js';
import type { Connection, TlsMaterial } from './connection.ts';
import { cacheCredentials } from './credentialCache.ts';
import { abortable } from './deadline.ts';
import { TransportError } from './errors.ts';

/**
 * Idle connections are closed on our side before the API server does it at 90 s (IdleTimeout in k8s.io/apiserver), so that
 * a request seldom meets a connection that is just closing.
 */
const keepAliveMs = 55_000;

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly body?: string;
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
  /** A watch holds its connection for minutes, so it comes from a pool of its own and never keeps calls waiting. */
  readonly watch?: boolean;
}

/** The connections of one client: calls on a bounded pool, watches on another, both with the current credentials. */
export interface Transport {
  send(request: TransportRequest): Promise<Dispatcher.ResponseData>;
  /** Ends every connection at once; what is under way fails. */
  close(): Promise<void>;
}

interface Pools {
  readonly tls: TlsMaterial;
  readonly calls: Dispatcher;
  readonly watches: Dispatcher;
}

/**
 * @param connection where and how to log in; its credentials are read again every minute, and at once after a 401. New
 *   certificates get new connections; the old ones end when what runs on them has ended
 * @param maxConnections bound on the connections for calls; further calls wait
 */
export function createTransport(connection: Connection, maxConnections: number): Transport {
  const { origin, pathname } = new URL(connection.server);
  const prefix = pathname.replace(/\/+$/, '');
  const cache = cacheCredentials(connection);
  const retired = new Set<Pools>();
  const sockets = new Set<Socket>();
  let pools: Pools | undefined;
  let closed = false;

  function poolsFor(tls: TlsMaterial): Pools {
    if (pools && isDeepStrictEqual(pools.tls, tls)) return pools;
    if (pools) retire(pools);
    const connect = trackingConnector(tls, sockets);
    pools = { tls, calls: createPool(origin, connect, maxConnections), watches: createPool(origin, connect, null) };
    return pools;
  }

  function retire(old: Pools): void {
    retired.add(old);
    const ended = Promise.allSettled([old.calls.close(), old.watches.close()]);
    void ended.then(() => retired.delete(old));
  }

  async function attempt(req: TransportRequest): Promise<Dispatcher.ResponseData> {
    const { headers, tls } = await cache.get();
    if (closed) throw new TransportError('closed', 'the client is closed');
    const { calls, watches } = poolsFor(tls);
    const response = request.call(req.watch ? watches : calls, {
      origin,
      path: prefix + req.path,
      method: req.method,
      headers: { ...req.headers, ...headers },
      body: req.body ?? null,
      signal: req.signal,
    });
    // undici heeds the signal only once it has a connection, which a silent server delays by the connect time-out.
    return abortable(response, req.signal);
  }

  return {
    async send(req) {
      const response = await attempt(req);
      if (response.statusCode !== 401) return response;
      await response.body.dump();
      cache.expire();
      return attempt(req);
    },
    async close() {
      closed = true;
      // Pools cannot end while they connect, and a silent server may keep them at that.
      for (const socket of sockets) socket.destroy(new TransportError('closed', 'the client is closed'));
      const all = [...retired, ...(pools ? [pools] : [])];
      await Promise.all(all.flatMap(({ calls, watches }) => [calls.destroy(), watches.destroy()]));
    },
  };
}

function createPool(origin: string, connect: Connector, connections: number | null): Dispatcher {
  return new Pool(origin, {
    connections,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    // Each call has a deadline of its own and each watch an inactivity timer, so undici's are off.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect,
  });
}

type Connector = ReturnType<typeof buildConnector>;

/** Makes connections, and keeps those that are open or about to be in a set. */
function trackingConnector(tls: TlsMaterial, sockets: Set<Socket>): Connector {
  const connect = buildConnector({
    ...tls,
    timeout: 10_000,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    // One HTTP/1.1 connection a request: what goes wrong on one connection stays there.
    allowH2: false,
  });
  return (options, callback) => {
    const socket = connect(options, callback);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
}
