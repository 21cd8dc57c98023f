import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { messageOf } from '../../core/errors.ts';
import { http } from '../api/http.ts';
import { type Runnable, untilAborted } from '../process/lifecycle.ts';

/** Passes (true), or says what is wrong. */
export type Check = () => true | string | Promise<true | string>;

export interface HealthServerOptions {
  /** Address to listen on; default all. */
  readonly host?: string;
  /** 0 takes any free one, see HealthServer.port. */
  readonly port: number;
  readonly logger: Logger;
  /** Absent: no /metrics. */
  readonly registry?: Registry;
  /** Named checks of /healthz: failing has the kubelet restart the container. Default: none, so it passes as long as it answers. */
  readonly live?: Readonly<Record<string, Check>>;
  /** Named checks of /readyz: failing takes the pod out of its Service. */
  readonly ready?: Readonly<Record<string, Check>>;
}

/** Probes and metrics over plain HTTP: /healthz, /readyz (one check a line, as the API server prints them), /metrics. */
export class HealthServer implements Runnable {
  readonly name = 'health server';
  readonly #options: HealthServerOptions;
  readonly #server: Server;
  readonly #listening = Promise.withResolvers<void>();

  constructor(options: HealthServerOptions) {
    this.#options = options;
    this.#server = http.createServer((request, response) => {
      void this.#answer(request, response);
    });
  }

  /** The port that it listens on, once ready. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#options.port;
  }

  /** @throws when the port is taken */
  async start(signal: AbortSignal): Promise<void> {
    const { host, port } = this.#options;
    this.#server.listen({ port, host });
    await once(this.#server, 'listening');
    this.#listening.resolve();
    const failure = Promise.withResolvers<never>();
    this.#server.once('error', failure.reject);
    await Promise.race([untilAborted(signal), failure.promise]);
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  ready(): Promise<void> {
    return this.#listening.promise;
  }

  /** Never rejects. */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { live = {}, ready = {}, registry, logger } = this.#options;
    try {
      const [path] = request.url?.split('?') ?? [];
      if (path === '/healthz') await report(response, live);
      else if (path === '/readyz') await report(response, ready);
      else if (path === '/metrics' && registry) {
        response.setHeader('content-type', registry.contentType).end(await registry.metrics());
      } else response.writeHead(404).end('not found\n');
    } catch (error) {
      logger.error({ err: error, url: request.url }, 'health request failed');
      if (!response.headersSent) response.writeHead(500);
      response.end();
    }
  }
}

async function report(response: ServerResponse, checks: Readonly<Record<string, Check>>): Promise<void> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => ({ name, result: await runCheck(check) })),
  );
  const healthy = results.every(({ result }) => result === true);
  const lines = results.map(({ name, result }) => (result === true ? `[+]${name} ok` : `[-]${name} failed: ${result}`));
  response
    .writeHead(healthy ? 200 : 503, { 'content-type': 'text/plain; charset=utf-8' })
    .end([...lines, healthy ? 'ok' : 'not ok', ''].join('\n'));
}

async function runCheck(check: Check): Promise<true | string> {
  try {
    return await check();
  } catch (error) {
    return messageOf(error);
  }
}
