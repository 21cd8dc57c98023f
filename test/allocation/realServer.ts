import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { defaultConnection, type TlsMaterial } from '../../kube/api/connection.ts';
import {
  cidrs,
  hostInterfaces,
  ipPools,
  leases,
  multiNicNetworks,
  namespaces,
  nodes,
  pathOf,
  pods,
} from '../../kube/api/resources.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import type { Version } from '../cluster/version.ts';
import { applyManifests } from '../system/apply.ts';
import type { ApiAnswer, ApiCall } from './apiBackend.ts';
import { leaseNamespace, namespace, workNamespace } from './setting.ts';

/** The collections that histories write. */
const written = [
  pathOf(pods, { namespace }),
  ...[ipPools, cidrs, hostInterfaces, multiNicNetworks, nodes].map(resource => pathOf(resource, {})),
  pathOf(leases, { namespace: leaseNamespace }),
];

/**
 * A real API server without controllers, and with the schemas of manifests/base: nothing changes there but what histories do. It is spoken to
 * with node:https, whose time-outs are not the test's virtual ones.
 */
export class RealServer {
  readonly #cluster: Cluster;
  readonly #server: string;
  readonly #agent: Agent;

  private constructor(cluster: Cluster, tls: TlsMaterial) {
    this.#cluster = cluster;
    this.#server = cluster.server;
    this.#agent = new Agent({ ...tls, keepAlive: true, maxSockets: 1 });
  }

  static async start(): Promise<RealServer> {
    const cluster = await startCluster({ name: 'allocation' });
    try {
      await applyManifests(cluster, 'manifests/base/crds');
      const connection = await defaultConnection({ kubeconfig: cluster.kubeconfig });
      const server = new RealServer(cluster, (await connection.credentials()).tls);
      await server.#must('POST', pathOf(namespaces, {}), workNamespace);
      return server;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get version(): Version {
    return this.#cluster.version;
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.#cluster.stop();
  }

  async send({ method, url, accept, body }: ApiCall): Promise<ApiAnswer> {
    const payload = method === 'GET' ? '' : JSON.stringify(body ?? {});
    // Without its length Node's DELETE would have its body taken for the next request.
    const headers = { accept, 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
    const sent = request(`${this.#server}${url}`, { method, headers, agent: this.#agent });
    sent.end(payload);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const { statusCode: status = 0, headers: answered } = response;
    const content = await text(response);
    if (answered['content-type'] !== 'application/json') throw new Error(`${method} ${url}: ${status} ${content}`);
    return { status, body: JSON.parse(content) as object };
  }

  /** Deletes all that a history wrote. */
  async clear(): Promise<void> {
    for (const collection of written) await this.#must('DELETE', collection, { gracePeriodSeconds: 0 });
  }

  async #must(method: string, url: string, body: object): Promise<void> {
    const { status, body: answer } = await this.send({ method, url, accept: 'application/json', body });
    if (status >= 300) throw new Error(`${method} ${url} was answered ${status}: ${JSON.stringify(answer)}`);
  }
}
