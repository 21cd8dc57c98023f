import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { systemNamespace } from '../../core/api/names.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { inParallel } from '../controller/support.ts';
import { applyManifests } from '../system/apply.ts';
import { root, useSchemaCluster } from './cluster.ts';

/** Namespaces that are tried, beside all at once: those where something is allowed, and one where nothing may be. */
const places = ['', systemNamespace, 'kube-node-lease', 'default'];

/** Those of meta/v1 APIResource, and those that only RBAC knows. */
const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];
const special: Record<string, readonly string[]> = {
  users: ['impersonate'],
  groups: ['impersonate'],
  serviceaccounts: ['impersonate'],
  'clusterroles.rbac.authorization.k8s.io': ['bind', 'escalate'],
  'roles.rbac.authorization.k8s.io': ['bind', 'escalate'],
};

/** What the API server does not tell of: resources of operators that need not be installed. */
const others = [
  'network-attachment-definitions.k8s.cni.cncf.io',
  'sriovnetworknodepolicies.sriovnetwork.openshift.io',
  'sriovnetworks.sriovnetwork.openshift.io',
  'sriovnetworknodestates.sriovnetwork.openshift.io',
  'nicclusterpolicies.mellanox.com',
  // No resource, but a right: of owner references with blockOwnerDeletion.
  'multinicnetworks/finalizers.multinic.fms.io',
];

const files = ['webhook', 'agent'].map(part => `manifests/base/${part}/rbac.yaml`);
const page = readFileSync(join(root, 'docs/reference/permissions.md'), 'utf8');

/** The objects that rules name. */
const named = files.flatMap(file =>
  parseAllDocuments(readFileSync(join(root, file), 'utf8')).flatMap(document => {
    const { rules = [] } = document.toJS() as { rules?: { resourceNames?: string[] }[] };
    return rules.flatMap(rule => rule.resourceNames ?? []);
  }),
);
const names = [...new Set(named)];

describe('permissions of the service accounts', function () {
  this.timeout(600_000);
  const cluster = useSchemaCluster();
  let client: KubeClient;
  let resources: string[];
  let anybody: Set<string>;

  before(async () => {
    await cluster().kubectl(['create', 'namespace', systemNamespace], { allowFailure: true });
    await applyManifests(cluster(), ...files);
    client = await KubeClient.connect({ kubeconfig: cluster().kubeconfig, maxConnections: 16 });
    resources = [...(await discovered()), ...others];
    anybody = await allowed('nobody');
  });
  after(() => client?.close());

  for (const account of ['multi-nic-webhook', 'multi-nic-agent']) {
    it(`${account} may do what docs/reference/permissions.md says, and nothing else`, async () => {
      expect(resources.length).to.be.above(80);
      const found = [...(await allowed(account))].filter(permission => !anybody.has(permission));
      expect(found.sort()).to.deep.equal(documented(account).sort());
    });
  }

  /** Every resource and subresource of the API server, `resource/subresource.group`. */
  async function discovered(): Promise<string[]> {
    const { groups } = await client.request<{ groups: { versions: { groupVersion: string }[] }[] }>('GET', '/apis');
    const paths = ['/api/v1', ...groups.flatMap(group => group.versions.map(v => `/apis/${v.groupVersion}`))];
    const lists = await Promise.all(
      paths.map(async path => {
        const list = await client.request<{ groupVersion: string; resources: { name: string }[] }>('GET', path);
        const group = list.groupVersion.includes('/') ? `.${list.groupVersion.split('/')[0]}` : '';
        return list.resources.map(({ name }) => `${name}${group}`);
      }),
    );
    return [...new Set([...lists.flat(), ...Object.keys(special)])];
  }

  /** All that the account may do, as `verb resource @ where`. */
  async function allowed(account: string): Promise<Set<string>> {
    const tries = resources.flatMap(resource =>
      [...verbs, ...(special[resource] ?? [])].flatMap(verb =>
        places.flatMap(namespace => ['', ...names].map(name => ({ resource, verb, namespace, name }))),
      ),
    );
    const can = new Set<string>();
    await inParallel(tries, async ({ resource, verb, namespace, name }) => {
      if (await isAllowed(account, { resource, verb, namespace, name }))
        can.add(`${verb} ${resource} @ ${namespace || 'everywhere'} ${name && `(${name})`}`.trim());
    });
    return withoutImplied(can);
  }

  async function isAllowed(account: string, { resource, verb, namespace, name }: Record<string, string>) {
    const [whole = '', ...group] = resource?.split('.') ?? [];
    const [plural, subresource = ''] = whole.split('/');
    const attributes = { verb, group: group.join('.'), resource: plural, subresource, namespace, name };
    const groups = ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${systemNamespace}`];
    const user = `system:serviceaccount:${systemNamespace}:${account}`;
    const { status } = await client.request<{ status: { allowed: boolean } }>(
      'POST',
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      {
        body: {
          ...{ apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview' },
          spec: { user, groups, resourceAttributes: attributes },
        },
      },
    );
    return status.allowed;
  }
});

/** What is allowed everywhere is in a namespace, and what is allowed of all objects is of one. */
function withoutImplied(all: ReadonlySet<string>): Set<string> {
  return new Set(
    [...all].filter(permission => {
      const [what = '', where = ''] = permission.split(' @ ');
      const [namespace = '', name] = where.split(' ');
      if (name !== undefined && (all.has(`${what} @ ${namespace}`) || all.has(`${what} @ everywhere`))) return false;
      if (namespace === 'everywhere') return true;
      return !all.has(`${what} @ everywhere${name === undefined ? '' : ` ${name}`}`);
    }),
  );
}

/** The page's rows for an account. */
function documented(account: string): string[] {
  const section = page.split(/^## /m).find(text => text.startsWith(`${account}\n`)) ?? '';
  const rows = [...section.matchAll(/^\| `([^`]+)`(?: \(`([^`]+)`\))? \| ([a-z, ]+) \| (\S+) \|/gm)];
  return rows.flatMap(([, resource = '', name, list = '', where = '']) =>
    list.split(', ').map(verb => `${verb} ${resource} @ ${where}${name === undefined ? '' : ` (${name})`}`),
  );
}
