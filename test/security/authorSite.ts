import { systemNamespace } from '../../core/api/names.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { multiNicNetworks, pods } from '../../kube/api/resources.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { applyManifests } from '../system/apply.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import { startWebhookProcess, type WebhookProcess } from '../system/webhookProcess.ts';
import { applyNetwork } from '../webhook/networks.ts';
import { createHosts, createNamespace, installResources, nodeNames } from '../webhook/support.ts';

/** Labelled, and the author's: pods get networks there. In `victims` they do, too, and in the author's `plain` they do not. */
export const namespace = 'team';

/** A control plane, and the webhook as a process with the rights of its manifests; and its users. */
export interface AuthorSite extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly program: WebhookProcess;
  readonly admin: KubeClient;
  /** Has the role `edit` in two namespaces. */
  readonly author: KubeClient;
  /** The same user, for kubectl. */
  readonly authorConfig: string;
  /** May bind pods, as a scheduler does. */
  readonly binder: KubeClient;
}

export async function startAuthorSite(): Promise<AuthorSite> {
  await using parts = new AsyncDisposableStack();
  const fakeNodes = nodeNames.map(name => ({ name }));
  const cluster = parts.use(await startCluster({ name: 'security', fakeNodes, controllerManager: true }));
  const clientFor = async (kubeconfig: string): Promise<KubeClient> =>
    parts.use(await KubeClient.connect({ kubeconfig }));
  const admin = await clientFor(cluster.kubeconfig);
  await installResources(cluster);
  await cluster.kubectl(['create', 'namespace', systemNamespace]);
  await applyManifests(cluster, 'manifests/base/webhook/rbac.yaml');
  await createHosts(admin);
  const account = await cluster.kubeconfigFor(`system:serviceaccount:${systemNamespace}:multi-nic-webhook`);
  const program = await startWebhookProcess(cluster, account);
  parts.defer(() => program.webhook.stop());
  await installWebhooks(admin, program.address);
  for (const name of [namespace, 'victims']) await createNamespace(admin, name);
  await createNamespace(admin, 'plain', {});
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: rights });
  await cluster.kubectl(['apply', '-f', '-'], { input });
  await makeNetworks(admin);
  const authorConfig = await cluster.kubeconfigFor('author', ['system:authenticated']);
  const author = await clientFor(authorConfig);
  const binder = await clientFor(await cluster.kubeconfigFor('binder', ['system:authenticated']));
  await eventually(
    'the role edit to be put together',
    async () => (await author.list(pods, { namespace })).items.length === 0,
  );
  const whole = parts.move();
  const dispose = (): Promise<void> => whole.disposeAsync();
  return { cluster, program, admin, author, authorConfig, binder, [Symbol.asyncDispose]: dispose };
}

async function makeNetworks(admin: KubeClient): Promise<void> {
  await applyNetwork(admin, 'routed', { subnet: '10.200.0.0/16', namespaces: [namespace, 'plain'] });
  const flat = { subnet: '10.201.0.0/16', hostBlock: 0, vlanMode: 'l2' } as const;
  await applyNetwork(admin, 'flat', { ...flat, namespaces: [namespace, 'victims'] });
  await applyNetwork(admin, 'closed', { subnet: '10.202.0.0/16', namespaces: ['victims'] });
  for (const name of ['routed', 'flat', 'closed']) {
    await eventually(`network ${name} to be ready`, async () => {
      const { status } = await admin.get(multiNicNetworks, { name });
      return name === 'flat' ? status?.interfaces?.length === 2 : status?.discovery.cidrProcessed === nodeNames.length;
    });
  }
}

const rights = [
  role('edit-team', { kind: 'RoleBinding', namespace, user: 'author', clusterRole: 'edit' }),
  role('edit-plain', { kind: 'RoleBinding', namespace: 'plain', user: 'author', clusterRole: 'edit' }),
  role('binders', { kind: 'ClusterRoleBinding', user: 'binder', clusterRole: 'binder' }),
  {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'binder' } },
    rules: [
      { apiGroups: [''], resources: ['pods/binding', 'bindings'], verbs: ['create'] },
      { apiGroups: [''], resources: ['pods/ephemeralcontainers', 'pods/resize'], verbs: ['patch'] },
    ],
  },
];

function role(
  name: string,
  {
    kind,
    namespace: place,
    user,
    clusterRole,
  }: Record<'kind' | 'user' | 'clusterRole', string> & { namespace?: string },
): object {
  return {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata: { name, ...(place && { namespace: place }) } },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: clusterRole },
    subjects: [{ kind: 'User', name: user, apiGroup: 'rbac.authorization.k8s.io' }],
  };
}
