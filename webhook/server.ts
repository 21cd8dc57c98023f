import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { CertificateReloader, type KeyPairPaths } from '../certs/reload.ts';
import { sleep } from '../kube/deadline.ts';
import type { Runnable } from '../kube/lifecycle.ts';
import type { Logger } from '../kube/log.ts';

export interface ServerOptions {
  /** 0 takes a free one. */
  port: number;
  host?: string;
  certificate: KeyPairPaths;
  /** Between failing readiness and closing the port: how long endpoints take to leave every API server. Default 5,000 ms. */
  drainMs?: number;
  logger: Logger;
}

/** Longest review: the largest timeoutSeconds that a configuration may have, and a little. */
const maxReviewMs = 31_000;

/** How long reviews that are under way may take to end: more than the timeoutSeconds that our configurations have. */
const closeMs = 12_000;

/** For the last answers to leave; their connections end themselves after that. */
const flushMs = 100;

/** The HTTPS server of the admission webhooks. HTTP/1.1 only: one connection an API server needs, kept alive, is enough. */
export class AdmissionServer implements Runnable {
  readonly name = 'admission server';
  readonly #app: RequestListener;
  readonly #options: ServerOptions;
  readonly #listening = Promise.withResolvers<undefined>();
  #server: Server | undefined;
  #accepting = false;
  #underWay = 0;
  #answered: (() => void) | undefined;

  constructor(app: RequestListener, options: ServerOptions) {
    this.#app = app;
    this.#options = options;
  }

  /** Whether new reviews are welcome: false before the certificate is loaded, and from the beginning of the end. */
  get accepting(): boolean {
    return this.#accepting;
  }

  /** The port it listens on. */
  get port(): number {
    return (this.#server?.address() as AddressInfo | null)?.port ?? 0;
  }

  async ready(): Promise<void> {
    await this.#listening.promise;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { certificate, logger, port, host } = this.#options;
    const reloader = new CertificateReloader(certificate, {
      onChange: ({ certificate: cert, privateKey: key }) => {
        this.#server?.setSecureContext({ cert, key, minVersion: 'TLSv1.2' });
        logger.info({ cert: certificate.cert }, 'serving certificate loaded');
      },
      onError: error => {
        logger.error({ err: error }, 'the serving certificate could not be read again; the last one stays');
      },
    });
    const server = await this.#createServer(reloader, signal);
    if (!server) return;
    this.#server = server;
    server.listen(port, host);
    await once(server, 'listening');
    const following = reloader.run(signal);
    this.#accepting = true;
    this.#listening.resolve(undefined);
    logger.info({ port: this.port }, 'admission server listens');
    await following;
    await this.#stop(server);
  }

  /** Waits for the certificate: in a new installation it is issued a little later than the pod starts. */
  async #createServer(reloader: CertificateReloader, signal: AbortSignal): Promise<Server | undefined> {
    while (!signal.aborted) {
      try {
        await reloader.load();
        break;
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'no serving certificate yet');
        await sleep(1000, signal);
      }
    }
    const { current } = reloader;
    if (!current) return undefined;
    const tls = { cert: current.certificate, key: current.privateKey, minVersion: 'TLSv1.2' as const };
    const server = createServer({ ...tls, ALPNProtocols: ['http/1.1'] }, this.#app);
    // The API server keeps connections for 90 s; one that we close first resets the review that is on its way.
    server.keepAliveTimeout = 90_000;
    server.headersTimeout = 32_000;
    server.requestTimeout = maxReviewMs;
    server.prependListener('request', (_request, response) => {
      this.#underWay++;
      response.once('close', () => {
        this.#underWay--;
        this.#answered?.();
      });
      // Sends the API server to another replica, and lets the connection end with the answer.
      if (!this.#accepting) response.setHeader('connection', 'close');
    });
    return server;
  }

  async #stop(server: Server): Promise<void> {
    this.#accepting = false;
    await sleep(this.#options.drainMs ?? 5000);
    const closed = once(server, 'close');
    server.close();
    await this.#quiet();
    await Promise.race([closed, sleep(flushMs)]);
    // Not only the idle ones: clients open connections ahead, and one that never had a request does not count as idle.
    server.closeAllConnections();
    await closed;
  }

  /** Resolves when no review is under way, or when those that are have had their time. */
  async #quiet(): Promise<void> {
    if (this.#underWay === 0) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(resolve, closeMs, undefined);
    this.#answered = () => {
      if (this.#underWay === 0) resolve(undefined);
    };
    await promise;
    clearTimeout(timer);
  }
}
