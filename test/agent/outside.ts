import type { Cluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';

/** An API server as processes in another kernel use it; see siteApi.ts. */
export interface OutsideApi {
  /** https://127.0.0.1:PORT. */
  readonly server: string;
  /** Where PORT is reachable in there. */
  readonly address: string;
  /** Of a service account that may do everything. */
  readonly token: string;
  readonly caCertificate: string;
}

const account = { name: 'inside', namespace: 'kube-system' };

const rights = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: account },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: account.name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', ...account }],
    },
  ],
};

/** Lets processes in that reach the cluster's API server at `address`. */
export async function letIn(cluster: Cluster, address: string): Promise<OutsideApi> {
  // The namespace comes a moment after the API server is ready.
  await eventually('a service account', () => cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(rights) }));
  const token = await cluster.tokenFor(account);
  return { server: cluster.server, address, token, caCertificate: cluster.caCertificate };
}
