import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { KeyAndCertificate } from '../../certs/authority.ts';
import type { Follow } from '../../certs/reload.ts';
import { sleep } from '../../kube/api/deadline.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { type CrowdLimits, OpenConnections } from '../../kube/process/openConnections.ts';

export interface ServerOptions {
  /** 0 takes a free one. */
  port: number;
  host?: string;
  /** The certificates to serve with. It waits for the first; later ones are used for new connections, and existing ones go on. */
  certificate: Follow<KeyAndCertificate>;
  /** Default: anybody who reaches the port is served. */
  clients?: ClientPolicy | undefined;
  /** Time between failing readiness and closing the port: how long it takes until no API server uses the endpoint any more. Default 5,000 ms. */
  drainMs?: number;
  /** From how many connections on idle ones are cut off. Default: more than all API servers have. */
  crowd?: CrowdLimits;
  logger: Logger;
}

/** Only clients with a certificate of this authority are served. */
export interface ClientPolicy {
  /** PEM of the authority's certificates, whose changes are followed as well. */
  authority: Follow<string>;
  /** Common names that their certificates may have. Default: any. */
  names?: ReadonlySet<string> | undefined;
}

/**
 * API servers have as many as reviews that they wait for, no longer than our configurations' timeoutSeconds, and a few that are idle. Each takes some 65 KiB,
 * and 20 before its handshake: those that any pod can open in half a minute would use up the Deployment's memory.
 */
const defaultCrowd: CrowdLimits = { few: 1000, idleMs: 5000 };

/** How long a client may take for the TLS handshake: connections that stay silent hold memory, and there may be thousands of them. */
const handshakeMs = 10_000;

/** Longest review: the largest timeoutSeconds that a configuration may have, plus a little. */
const maxReviewMs = 31_000;

/** How long reviews under way may take to end: more than the timeoutSeconds of our configurations. */
const closeMs = 12_000;

/** Time for the last answers to leave; their connections end by themselves after that. */
const flushMs = 100;

/** The HTTPS server of the admission webhooks. HTTP/1.1 only: API servers keep their connections alive, and need few. */
export class AdmissionServer implements Runnable {
  readonly name = 'admission server';
  readonly #app: RequestListener;
  readonly #options: ServerOptions;
  readonly #listening = Promise.withResolvers<undefined>();
  readonly #complete = Promise.withResolvers<undefined>();
  #pair: KeyAndCertificate | undefined;
  #clientAuthority: string | undefined;
  #server: Server | undefined;
  readonly #connections: OpenConnections;
  #accepting = false;
  #underWay = 0;
  #answered: (() => void) | undefined;

  constructor(app: RequestListener, options: ServerOptions) {
    this.#app = app;
    this.#options = options;
    this.#connections = new OpenConnections(options.crowd ?? defaultCrowd);
  }

  /** Whether new reviews are welcome: false before the certificate is loaded, and from the beginning of the end. */
  get accepting(): boolean {
    return this.#accepting;
  }

  /** The port it listens on. */
  get port(): number {
    return (this.#server?.address() as AddressInfo | null)?.port ?? 0;
  }

  /** When the certificate in use expires; undefined before there is one. */
  get expiry(): Date | undefined {
    return this.#pair && new X509Certificate(this.#pair.certificate).validToDate;
  }

  /** Resolves when it listens. Not called ready(), because nothing may wait for the certificate: the controller, started later, makes it. */
  untilListening(): Promise<undefined> {
    return this.#listening.promise;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { logger, port, host } = this.#options;
    const following = this.#follow(signal);
    await Promise.race([this.#complete.promise, following]);
    const tls = this.#secureContext();
    if (!signal.aborted && tls) {
      const server = this.#createServer(tls);
      this.#server = server;
      server.listen(port, host);
      await once(server, 'listening');
      this.#accepting = true;
      this.#listening.resolve(undefined);
      logger.info({ port: this.port }, 'admission server listens');
      await following;
      await this.#stop(server);
    }
    await following;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { certificate, clients, logger } = this.#options;
    const use = (what: string, more: object): void => {
      logger.info(more, `${what} loaded`);
      const tls = this.#secureContext();
      if (!tls) return;
      this.#server?.setSecureContext(tls);
      this.#complete.resolve(undefined);
    };
    const failed = (error: Error): void => {
      const { message } = error;
      const what = this.#server ? 'cannot be read again; the last one stays' : 'cannot be read, waiting for it';
      logger[this.#server ? 'error' : 'warn']({ reason: message }, `the certificate to serve with ${what}`);
    };
    await Promise.all([
      certificate(signal, {
        failed,
        changed: pair => {
          this.#pair = pair;
          use('serving certificate', { expires: this.expiry?.toISOString() });
        },
      }),
      clients?.authority(signal, {
        failed,
        changed: authority => {
          this.#clientAuthority = authority;
          use('authority of clients', {});
        },
      }),
    ]);
  }

  /** Undefined until everything that it needs is there. */
  #secureContext(): SecureContextOptions | undefined {
    if (!this.#pair) return undefined;
    const { certificate: cert, privateKey: key } = this.#pair;
    const tls = { cert, key, minVersion: 'TLSv1.2' as const };
    if (!this.#options.clients) return tls;
    return this.#clientAuthority === undefined ? undefined : { ...tls, ca: this.#clientAuthority };
  }

  #createServer(tls: SecureContextOptions): Server {
    const { clients, logger } = this.#options;
    const isAsked = clients !== undefined;
    const asked = { requestCert: isAsked, rejectUnauthorized: isAsked };
    const options = { ...tls, ...asked, ALPNProtocols: ['http/1.1'], handshakeTimeout: handshakeMs };
    const server = createServer(options, this.#app);
    // Before its handshake.
    server.prependListener('connection', (socket: Socket) => {
      this.#connections.opened(socket);
    });
    server.on('secureConnection', (socket: TLSSocket) => {
      const names = clients?.names;
      // An object without properties where there is no certificate, whatever the type says.
      const name = names && (socket.getPeerCertificate().subject as { CN?: string } | undefined)?.CN;
      if (!names || (name !== undefined && names.has(name))) return;
      logger.warn({ client: name }, 'connection refused: its client certificate has another name');
      socket.destroy();
    });
    // The API server keeps connections for 90 s; closing one earlier would reset a review that is on its way.
    server.keepAliveTimeout = 90_000;
    server.headersTimeout = 32_000;
    server.requestTimeout = maxReviewMs;
    server.prependListener('request', ({ socket }, response) => {
      this.#connections.used(socket);
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
    // Also those that clients have opened in advance, whether or not they have got as far as their handshake.
    this.#connections.disconnect();
    await closed;
  }

  /** Resolves when no review is under way, or when the time of those that are is up. */
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
