import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { root, useSchemaCluster } from './cluster.ts';
import { currentOverlay, withRules } from './schemas.ts';

const base = join(root, 'manifests/base');

interface Webhook {
  name: string;
  failurePolicy: string;
  sideEffects: string;
  timeoutSeconds: number;
  admissionReviewVersions: string[];
  clientConfig: { service: { path: string }; caBundle?: string };
  rules: { operations: string[]; resources: string[] }[];
  namespaceSelector?: { matchExpressions: { key: string; operator: string; values: string[] }[] };
}

describe('manifests/base', () => {
  const cluster = useSchemaCluster();

  after(async () => {
    // Nothing serves them here, and they would refuse the other tests' networks.
    await cluster().kubectl(['delete', '-f', join(base, 'webhook/configurations.yaml'), '--ignore-not-found']);
  });

  it('applies whole, and again without a change', async () => {
    await cluster().kubectl(['apply', '-k', base]);
    const { stdout } = await cluster().kubectl(['apply', '-k', base]);
    const lines = stdout.trim().split('\n');
    expect(lines).to.have.length.greaterThan(15);
    expect(lines.filter(line => !line.endsWith(' unchanged'))).to.deep.equal([]);
  });

  it('lists every file', () => {
    const { resources } = parseAllDocuments(readFileSync(join(base, 'kustomization.yaml'), 'utf8'))[0]!.toJS() as {
      resources: string[];
    };
    expect(resources).to.have.members([
      ...['multinicnetworks', 'hostinterfaces', 'cidrs', 'ippools', 'deviceclasses'].map(name => `crds/${name}.yaml`),
      ...['namespace.yaml', 'webhook/rbac.yaml', 'webhook/deployment.yaml', 'webhook/configurations.yaml'],
      ...['agent/rbac.yaml', 'agent/daemonset.yaml'],
    ]);
  });

  it('webhooks answer soon, leave the system alone, and fail closed but for bindings', () => {
    const documents = parseAllDocuments(readFileSync(join(base, 'webhook/configurations.yaml'), 'utf8'));
    const webhooks = documents.flatMap(document => (document.toJS() as { webhooks: Webhook[] }).webhooks);
    expect(webhooks.map(webhook => webhook.clientConfig.service.path)).to.deep.equal([
      '/mutate-pods',
      '/mutate-bindings',
      '/validate-pods',
      '/validate-pods',
      '/validate-networks',
    ]);
    for (const webhook of webhooks) {
      const { name } = webhook;
      expect(webhook.timeoutSeconds, name).to.equal(5);
      expect(webhook.admissionReviewVersions, name).to.deep.equal(['v1']);
      expect(webhook.clientConfig.caBundle, name).to.equal(undefined);
      expect(webhook.failurePolicy, name).to.equal(name.startsWith('bindings.') ? 'Ignore' : 'Fail');
      expect(webhook.sideEffects, name).to.be.oneOf(['None', 'NoneOnDryRun']);
      const excluded = webhook.namespaceSelector?.matchExpressions.find(({ operator }) => operator === 'NotIn');
      if (name.startsWith('networks.')) continue;
      expect(excluded?.values, name).to.deep.equal(['kube-system', 'multi-nic-system']);
    }
  });

  it('the two roles allow what they need and no more', async () => {
    const can = async (account: string, ...what: string[]): Promise<string> => {
      const as = `--as=system:serviceaccount:multi-nic-system:${account}`;
      return (await cluster().kubectl(['auth', 'can-i', ...what, as], { allowFailure: true })).stdout.trim();
    };
    const network = ['multinicnetworks.multinic.fms.io'];
    const host = ['hostinterfaces.multinic.fms.io'];
    expect(await can('multi-nic-webhook', 'watch', ...network)).to.equal('yes');
    expect(await can('multi-nic-webhook', 'update', ...network, '--subresource=status')).to.equal('yes');
    expect(await can('multi-nic-webhook', 'patch', ...network)).to.equal('no');
    expect(await can('multi-nic-webhook', 'create', ...host)).to.equal('no');
    expect(await can('multi-nic-webhook', 'patch', 'pods')).to.equal('no');
    expect(await can('multi-nic-webhook', 'patch', 'nodes')).to.equal('no');
    expect(await can('multi-nic-webhook', 'patch', 'nodes', '--subresource=status')).to.equal('yes');
    expect(await can('multi-nic-webhook', 'get', 'secrets')).to.equal('no');
    expect(await can('multi-nic-agent', 'create', ...host)).to.equal('yes');
    expect(await can('multi-nic-agent', 'delete', ...host)).to.equal('no');
    expect(await can('multi-nic-agent', 'update', 'cidrs.multinic.fms.io')).to.equal('no');
    expect(await can('multi-nic-agent', 'update', 'ippools.multinic.fms.io', '--subresource=status')).to.equal('yes');
    expect(await can('multi-nic-agent', 'get', 'secrets')).to.equal('no');
    expect(await can('multi-nic-agent', 'create', 'pods')).to.equal('no');
  });

  it('the webhook may write what the SR-IOV network operator reads, and only read what the NVIDIA network operator has', async () => {
    // Asked by review: `auth can-i` knows only resources that are installed.
    const can = async (verb: string, group: string, resource: string): Promise<string> => {
      const user = 'system:serviceaccount:multi-nic-system:multi-nic-webhook';
      const spec = { user, resourceAttributes: { verb, group, resource } };
      const input = JSON.stringify({ apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec });
      return (await cluster().kubectl(['create', '-f', '-', '-o', 'jsonpath={.status.allowed}'], { input })).stdout;
    };
    for (const resource of ['sriovnetworknodepolicies', 'sriovnetworks']) {
      for (const verb of ['list', 'watch', 'create', 'update', 'delete']) {
        expect(await can(verb, 'sriovnetwork.openshift.io', resource), `${verb} ${resource}`).to.equal('true');
      }
    }
    expect(await can('create', 'sriovnetwork.openshift.io', 'sriovnetworknodestates')).to.equal('false');
    expect(await can('watch', 'mellanox.com', 'nicclusterpolicies')).to.equal('true');
    expect(await can('update', 'mellanox.com', 'nicclusterpolicies')).to.equal('false');
  });

  it('rules in CEL work where the server knows them, and are no part of base as others refuse them', async () => {
    const create = (object: object): Promise<{ stderr: string }> => {
      const input = JSON.stringify(object);
      return cluster().kubectl(['apply', '-f', '-'], { input, allowFailure: true });
    };
    const { major, minor } = cluster().version;
    if (major === 1 && minor < 25) {
      expect((await create(withRules('CIDR'))).stderr).to.contain('unknown field "x-kubernetes-validations"');
      return;
    }
    await cluster().kubectl(['apply', '-k', currentOverlay]);
    // A server takes a moment to use a changed schema.
    await cluster().kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
    const meta = (kind: string, name: string): object => ({
      apiVersion: 'multinic.fms.io/v1',
      kind,
      metadata: { name },
    });
    const page = { network: 'n', page: 1, hosts: [{ hostName: 'a', hostIndex: 128 }] };
    const pool = { network: 'n', hostName: 'a', page: 0 };
    const refusals = async (): Promise<string> =>
      (await create({ ...meta('CIDR', 'n-1'), spec: page })).stderr +
      (await create({ ...meta('IPPool', 'n.a'), spec: pool })).stderr;
    let text = '';
    for (let tries = 0; tries < 20 && !text.includes('exactly one'); tries++) text = await refusals();
    expect(text).to.contain('every hostIndex must be in the page');
    expect(text).to.contain('exactly one of hostName and page must be given');
  });
});
