import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { messageOf } from '../../core/errors.ts';
import { type Runnable, untilAborted } from '../process/lifecycle.ts';
import { createGetServer, type GetAnswer, type GetServer } from './getServer.ts';
import { sparing } from './sparing.ts';

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

/**
 * Probes and metrics over plain HTTP: /healthz, /readyz (one check per line, as the API server prints them), /metrics. Anybody who reaches the
 * node or the pod can reach it, and must not get all of the process's time or memory.
 */
export class HealthServer implements Runnable {
  readonly name = 'health server';
  readonly #options: HealthServerOptions;
  readonly #get: GetServer;
  readonly #listening = Promise.withResolvers<void>();
  readonly #metrics: () => Promise<string>;

  constructor(options: HealthServerOptions) {
    this.#options = options;
    this.#get = createGetServer(path => this.#answer(path));
    this.#metrics = sparing(async () => (await options.registry?.metrics()) ?? '');
  }

  /** The port that it listens on, once ready. */
  get port(): number {
    return (this.#get.server.address() as AddressInfo | null)?.port ?? this.#options.port;
  }

  /** @throws when the port is taken */
  async start(signal: AbortSignal): Promise<void> {
    const { host, port } = this.#options;
    const { server } = this.#get;
    server.listen({ port, host });
    await once(server, 'listening');
    this.#listening.resolve();
    const failure = Promise.withResolvers<never>();
    server.once('error', failure.reject);
    await Promise.race([untilAborted(signal), failure.promise]);
    const closed = once(server, 'close');
    server.close();
    this.#get.disconnect();
    await closed;
  }

  ready(): Promise<void> {
    return this.#listening.promise;
  }

  /** Never rejects. */
  async #answer(path: string): Promise<GetAnswer> {
    const { live = {}, ready = {}, registry, logger } = this.#options;
    try {
      if (path === '/healthz') return await report(live);
      if (path === '/readyz') return await report(ready);
      if (path === '/metrics' && registry) {
        return { status: 200, type: registry.contentType, body: await this.#metrics() };
      }
      return { status: 404, body: 'not found\n' };
    } catch (error) {
      logger.error({ err: error, path }, 'health request failed');
      return { status: 500, body: '' };
    }
  }
}

async function report(checks: Readonly<Record<string, Check>>): Promise<GetAnswer> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => ({ name, result: await runCheck(check) })),
  );
  const healthy = results.every(({ result }) => result === true);
  const lines = results.map(({ name, result }) => (result === true ? `[+]${name} ok` : `[-]${name} failed: ${result}`));
  return { status: healthy ? 200 : 503, body: [...lines, healthy ? 'ok' : 'not ok', ''].join('\n') };
}

async function runCheck(check: Check): Promise<true | string> {
  try {
    return await check();
  } catch (error) {
    return messageOf(error);
  }
}
