import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import { installFile } from '../../build/manifests.ts';
import { root, useSchemaCluster } from './cluster.ts';
import { withRules } from './schemas.ts';

const base = join(root, 'manifests/base');

interface Webhook {
  name: string;
  failurePolicy: string;
  sideEffects: string;
  timeoutSeconds: number;
  admissionReviewVersions: string[];
  clientConfig: { service: { path: string }; caBundle?: string };
  rules: { operations: string[]; resources: string[] }[];
  namespaceSelector: { matchExpressions?: { key: string; operator: string; values: string[] }[] };
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
      ...['namespace.yaml', 'quota.yaml', 'viewers.yaml'],
      ...['rbac', 'deployment', 'spare', 'service', 'network-policy', 'configurations'].map(
        name => `webhook/${name}.yaml`,
      ),
      ...['agent/rbac.yaml', 'agent/daemonset.yaml'],
    ]);
  });

  it('the spare webhook is as the others but for its name, number and port', () => {
    const [main = '', spare = ''] = ['deployment', 'spare'].map(name => {
      const text = readFileSync(join(base, `webhook/${name}.yaml`), 'utf8');
      return JSON.stringify(parse(text));
    });
    const expected = main
      .replace('"name":"multi-nic-webhook"', '"name":"multi-nic-webhook-spare"')
      .replace('"replicas":2', '"replicas":1')
      .replace(
        '"matchLabels":{"app.kubernetes.io/name":"multi-nic-webhook"}',
        '"matchLabels":{"app.kubernetes.io/name":"multi-nic-webhook","app.kubernetes.io/instance":"spare"}',
      )
      .replace(
        '"template":{"metadata":{"labels":{"app.kubernetes.io/name":"multi-nic-webhook"',
        '$&,"app.kubernetes.io/instance":"spare"',
      )
      .replace('"name":"https"', '"name":"https-spare"');
    expect(spare).to.equal(expected);
  });

  it('webhooks answer soon, leave the system alone, and fail closed but where the agent decides anew or nothing is lost', () => {
    const documents = parseAllDocuments(readFileSync(join(base, 'webhook/configurations.yaml'), 'utf8'));
    const webhooks = documents.flatMap(document => (document.toJS() as { webhooks: Webhook[] }).webhooks);
    expect(webhooks.map(webhook => webhook.clientConfig.service.path)).to.deep.equal([
      '/try-pods',
      '/try-pods',
      '/mutate-pods',
      '/mutate-bindings',
      '/mutate-pod-updates',
      '/validate-pods',
      '/validate-pods',
      '/validate-networks',
      '/validate-pools',
    ]);
    const open = ['pods-first', 'pods-second', 'bindings', 'pod-updates', 'pod-creation', 'pod-changes', 'pools'].map(
      name => `${name}.multinic.fms.io`,
    );
    for (const webhook of webhooks) {
      const { name } = webhook;
      expect(webhook.timeoutSeconds, name).to.equal(5);
      expect(webhook.admissionReviewVersions, name).to.deep.equal(['v1']);
      expect(webhook.clientConfig.caBundle, name).to.equal(undefined);
      expect(webhook.failurePolicy, name).to.equal(open.includes(name) ? 'Ignore' : 'Fail');
      expect(webhook.sideEffects, name).to.be.oneOf(['None', 'NoneOnDryRun']);
      const excluded = webhook.namespaceSelector.matchExpressions?.find(({ operator }) => operator === 'NotIn');
      if (/^(networks|pools)\./.test(name)) continue;
      expect(excluded?.values, name).to.deep.equal(['kube-system', 'multi-nic-system']);
    }
  });

  it('webhooks leave nothing to defaults: programs that compare what is stored with what they applied find no difference', async () => {
    const file = join(base, 'webhook/configurations.yaml');
    const { stdout } = await cluster().kubectl(['apply', '-o', 'json', '-f', file]);
    const stored = (JSON.parse(stdout) as { items: { webhooks: object[] }[] }).items;
    const written = parseAllDocuments(readFileSync(file, 'utf8')).map(
      document => document.toJS() as { metadata: { annotations?: object }; webhooks: object[] },
    );
    expect(stored.map(({ webhooks }) => webhooks)).to.deep.equal(written.map(({ webhooks }) => webhooks));
    // By default AKS writes into them, too: requirements on namespaces, which the next server-side apply conflicts with.
    for (const { metadata } of written)
      expect(metadata.annotations).to.deep.equal({ 'admissions.enforcer/disabled': 'true' });
  });

  it('rules in CEL work where the server knows them, and are no part of base as others refuse them', async () => {
    const create = (object: object): Promise<{ stderr: string }> => {
      const input = JSON.stringify(object);
      return cluster().kubectl(['apply', '-f', '-'], { input, allowFailure: true });
    };
    const { major, minor } = cluster().version;
    if (major === 1 && minor < 28) {
      expect((await create(withRules('CIDR'))).stderr).to.contain('unknown field "x-kubernetes-validations"');
      return;
    }
    await cluster().kubectl(['apply', '-f', installFile('current')]);
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
