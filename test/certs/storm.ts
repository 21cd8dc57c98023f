import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { multiNicNetworks, mutatingWebhookConfigurations, pods } from '../../kube/api/resources.ts';
import { network } from '../controller/support.ts';
import { podOf } from '../webhook/support.ts';
import { type CertificateSite, namespace } from './site.ts';

/** Between two requests of one client, and between two handshakes with one replica, ms. */
const pauseMs = 30;

/**
 * Requests that every kind of webhook has to answer, without end; and, as the API server keeps connections for long, new connections to each
 * replica by the caBundle that is stored at that moment.
 */
export class Storm implements AsyncDisposable {
  /** What went wrong. */
  readonly failures: string[] = [];
  requests = 0;
  handshakes = 0;
  readonly #stopping = new AbortController();
  readonly #working: Promise<unknown>;

  constructor({ client, backends }: Pick<CertificateSite, 'client' | 'backends'>) {
    const ask = async (create: () => Promise<unknown>): Promise<void> => {
      await create();
      this.requests++;
    };
    const work = [
      () => ask(() => client.create(pods, podOf({ namespace, generateName: 'p-' }), { dryRun: true })),
      () => ask(() => client.create(multiNicNetworks, network('dry', { namespaces: ['other'] }), { dryRun: true })),
      ...backends.map(({ port }) => async () => {
        const configuration = await client.get(mutatingWebhookConfigurations, { name: 'multi-nic-webhook' });
        const bundle = configuration.webhooks?.[0]?.clientConfig.caBundle ?? '';
        if (await handshake(port, Buffer.from(bundle, 'base64').toString())) this.handshakes++;
      }),
    ];
    this.#working = Promise.all(work.map(one => this.#repeat(one)));
  }

  async #repeat(one: () => Promise<void>): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await one().catch((error: unknown) => this.failures.push(String(error)));
      await sleep(pauseMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#working;
  }
}

/** Connects as the API server does. @returns false where nobody listens, as the replica is starting. @throws where it is not trusted */
async function handshake(port: number, ca: string): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port, ca });
  try {
    await once(socket, 'secureConnect');
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ECONNREFUSED', 'ECONNRESET'].includes(code)) return false;
    throw new Error(`A replica is not trusted: ${String(error)}`, { cause: error });
  } finally {
    socket.destroy();
  }
}
