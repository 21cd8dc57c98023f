import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Connection, ConnectionChoice, Credentials, TlsMaterial } from './connection.ts';

/** What @kubernetes/client-node makes up where there is no kubeconfig, for a server on http://localhost:8080. */
const contextOfNobody = 'loaded-context';

/**
 * The connection that a kubeconfig file describes, with every way to log in that @kubernetes/client-node knows (certificates,
 * tokens, token files, exec plugins, OpenID Connect). Only this function loads the library, so a process in a pod never pays for it.
 * A `proxy-url` is not supported and refused.
 *
 * @param where.kubeconfig path; absent: $KUBECONFIG (several, merged), else ~/.kube/config
 * @param where.context absent: the file's current context
 */
export async function kubeconfigConnection({ kubeconfig, context }: ConnectionChoice): Promise<Connection> {
  const config = await loadConfig({ kubeconfig, context });
  const cluster = config.getCurrentCluster();
  const where = `context ${JSON.stringify(config.getCurrentContext())} of the kubeconfig`;
  if (!cluster) throw new Error(`${where} names no cluster`);
  if (cluster.proxyUrl) throw new Error(`${where} has a proxy-url, which is not supported`);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    credentials: async () => {
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      return credentialsOf(options);
    },
  };
}

/** The namespace that kubectl would take where none is named: the context's. */
export async function contextNamespace(choice: ConnectionChoice): Promise<string> {
  const config = await loadConfig(choice);
  return config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
}

async function loadConfig({ kubeconfig, context }: ConnectionChoice): Promise<KubeConfig> {
  const library = await import('@kubernetes/client-node');
  const config = new library.KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  if (kubeconfig === undefined && config.getCurrentContext() === contextOfNobody)
    throw new Error('there is no kubeconfig, neither in $KUBECONFIG nor ~/.kube/config');
  if (context !== undefined) config.setCurrentContext(context);
  return config;
}

function credentialsOf(options: RequestOptions): Credentials {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value !== undefined) headers[name.toLowerCase()] = String(value);
  }
  if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  const tls: TlsMaterial = {
    ...pem('ca', options.ca),
    ...pem('cert', options.cert),
    ...pem('key', options.key),
    ...(options.passphrase && { passphrase: options.passphrase }),
    ...(options.servername && { servername: options.servername }),
    ...(options.rejectUnauthorized !== undefined && { rejectUnauthorized: options.rejectUnauthorized }),
  };
  return { headers, tls };
}

function pem(name: 'ca' | 'cert' | 'key', value: unknown): TlsMaterial {
  return typeof value === 'string' || Buffer.isBuffer(value) ? { [name]: value.toString() } : {};
}
