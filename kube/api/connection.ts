import { access, readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';

/** What a request needs to be authenticated. */
export interface Credentials {
  /** Authorization and the like. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
}

/** PEM texts, as node:tls takes them. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Where the API server is, and how to authenticate. */
export interface Connection {
  /** Base URL without a trailing slash. */
  readonly server: string;
  /** Reads the credentials again: tokens and certificate authorities rotate under a running process. */
  credentials(): Promise<Credentials>;
}

/** Which API server, where it is not the one that kubectl would take. */
export interface ConnectionChoice {
  /** Path. */
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The connection of a process in a pod, by its service account (kubernetes.io: "Accessing the API from a Pod"). Written here
 * and not taken from @kubernetes/client-node, whose import costs 80 MiB of memory in every agent.
 *
 * @param folder where the service account's token and ca.crt are mounted
 * @throws where the environment names no API server
 */
export function inClusterConnection(folder = serviceAccountFolder): Connection {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = process.env;
  if (!host) throw new Error('KUBERNETES_SERVICE_HOST is not set: this process does not run in a pod');
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    credentials: async () => {
      const [token, ca] = await Promise.all([
        readFile(join(folder, 'token'), 'utf8'),
        readFile(join(folder, 'ca.crt'), 'utf8'),
      ]);
      return { headers: { authorization: `Bearer ${token.trim()}` }, tls: { ca } };
    },
  };
}

/**
 * The connection that kubectl would take: a given kubeconfig or context, else $KUBECONFIG, else the pod's service account, else
 * ~/.kube/config.
 */
export async function defaultConnection(choice: ConnectionChoice = {}): Promise<Connection> {
  const isOpen = choice.kubeconfig === undefined && choice.context === undefined;
  if (isOpen && !process.env.KUBECONFIG && process.env.KUBERNETES_SERVICE_HOST) {
    if (await exists(join(serviceAccountFolder, 'token'))) return inClusterConnection();
  }
  const { kubeconfigConnection } = await import('./kubeconfig.ts');
  return kubeconfigConnection(choice);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
