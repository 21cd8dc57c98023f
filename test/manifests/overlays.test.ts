import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { installFile, overlays, renderOverlay } from '../../build/manifests.ts';
import manifest from '../../package.json' with { type: 'json' };
import type { Cluster } from '../cluster/index.ts';
import { applyManifests } from '../system/apply.ts';
import { kustomizationsIn, kustomize } from '../system/kustomize.ts';
import { root, useSchemaCluster } from './cluster.ts';

interface Container {
  args?: string[];
  image: string;
  resources: { requests: object; limits: object };
  securityContext: Record<string, unknown>;
  livenessProbe?: object;
  readinessProbe?: object;
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
}

interface PodSpec {
  containers: Container[];
  dnsPolicy?: string;
  hostNetwork?: boolean;
  priorityClassName: string;
  tolerations: object[];
  volumes: { name: string; hostPath?: { path: string } }[];
}

interface ManifestObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: { template?: { spec: PodSpec }; updateStrategy?: object; replicas?: number };
  webhooks?: { name: string; matchConditions?: unknown[]; namespaceSelector?: object }[];
}

function objectsOf(text: string): ManifestObject[] {
  return parseAllDocuments(text).map(document => document.toJS() as ManifestObject);
}

function podOf(overlay: string, kind: 'Deployment' | 'DaemonSet'): { spec: PodSpec; container: Container } {
  const object = objectsOf(readFileSync(installFile(overlay), 'utf8')).find(each => each.kind === kind);
  const { spec } = object!.spec!.template!;
  return { spec, container: spec.containers[0]! };
}

/** The file's objects as the API server has them, without what others write. kubectl's own word is not asked: it calls each PodDisruptionBudget "configured". */
async function stored(cluster: Cluster, file: string): Promise<unknown[]> {
  const { stdout } = await cluster.kubectl(['get', '-f', file, '-o', 'json']);
  const { items } = JSON.parse(stdout) as { items: { metadata: Record<string, unknown> }[] };
  return items.map(({ metadata, ...object }) => ({
    ...object,
    metadata: { ...metadata, resourceVersion: undefined, managedFields: undefined },
    status: undefined,
  }));
}

describe('Overlays', function () {
  this.timeout(120_000);
  const cluster = useSchemaCluster();

  before(async () => {
    await applyManifests(cluster(), 'test/manifests/foreignCrds.yaml');
  });

  it('are those that the guide names', () => {
    expect(overlays()).to.deep.equal(['cert-manager', 'chained', 'current', 'openshift', 'self-managed']);
  });

  for (const overlay of overlays()) {
    it(`${overlay}: the committed install.yaml is what is rendered (make manifests)`, async () => {
      expect(readFileSync(installFile(overlay), 'utf8')).to.equal(await renderOverlay(overlay));
    });

    it(`${overlay}: applies whole, again and server-side without a change, and leaves nothing when deleted`, async () => {
      const { major, minor } = cluster().version;
      const file = installFile(overlay);
      if (overlay === 'current' && major === 1 && minor < 29) {
        const args = ['apply', '--dry-run=server', '-f', file];
        expect((await cluster().kubectl(args, { allowFailure: true })).stderr).to.match(
          /unknown field|no matches for kind/,
        );
        return;
      }
      await cluster().kubectl(['apply', '-f', file]);
      const before = await stored(cluster(), file);
      expect(before).to.have.length(objectsOf(readFileSync(file, 'utf8')).length);
      await cluster().kubectl(['apply', '-f', file]);
      expect(await stored(cluster(), file)).to.deep.equal(before);
      // As GitOps tools do, and whoever changes over: no field differs by a default only, which would be a conflict.
      await cluster().kubectl(['apply', '--server-side', '--field-manager=gitops', '-f', file]);
      expect(await stored(cluster(), file)).to.deep.equal(before);
      // The namespace's own end needs a controller, and schemas are for the other tests, too.
      const remaining = objectsOf(readFileSync(file, 'utf8')).filter(
        ({ kind }) => kind !== 'Namespace' && kind !== 'CustomResourceDefinition',
      );
      const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: remaining });
      await cluster().kubectl(['delete', '-f', '-'], { input });
      const { stdout: left } = await cluster().kubectl(['get', '-f', '-', '--ignore-not-found', '-o', 'name'], {
        input,
      });
      expect(left).to.equal('');
    });
  }

  it('every object is marked as a part of the system, and in its namespace', () => {
    for (const overlay of overlays()) {
      for (const { kind, metadata } of objectsOf(readFileSync(installFile(overlay), 'utf8'))) {
        if (kind === 'CustomResourceDefinition') continue;
        const where = `${overlay}: ${kind} ${metadata.name}`;
        expect(metadata.labels?.['app.kubernetes.io/part-of'], where).to.equal('multi-nic');
        if (metadata.namespace === 'kube-node-lease') continue;
        if (metadata.namespace !== undefined) expect(metadata.namespace, where).to.equal('multi-nic-system');
      }
    }
  });

  it('the webhook may do nothing on its node, survives it, and says how it is', () => {
    const { spec, container } = podOf('self-managed', 'Deployment');
    expect(spec.priorityClassName).to.equal('system-cluster-critical');
    expect(spec).to.deep.include({
      securityContext: {
        ...{ runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532 },
        seccompProfile: { type: 'RuntimeDefault' },
      },
    });
    expect(container.securityContext).to.deep.equal({
      ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    });
    expect(container).to.include.keys('livenessProbe', 'readinessProbe', 'resources');
    expect(spec).not.to.have.property('volumes');
    const deployments = objectsOf(readFileSync(installFile('self-managed'), 'utf8')).filter(
      ({ kind }) => kind === 'Deployment',
    );
    expect(deployments.map(({ metadata, spec: { replicas } = {} }) => [metadata.name, replicas])).to.deep.equal([
      ['multi-nic-webhook', 2],
      ['multi-nic-webhook-spare', 1],
    ]);
  });

  it('the agent runs on every node, and sees of it what it needs', () => {
    const { spec, container } = podOf('self-managed', 'DaemonSet');
    expect(spec.tolerations).to.deep.equal([{ operator: 'Exists' }]);
    expect(spec.priorityClassName).to.equal('system-node-critical');
    const paths = new Map(spec.volumes.map(({ name, hostPath }) => [name, hostPath!.path]));
    const written = container.volumeMounts.filter(({ readOnly }) => !readOnly).map(({ name }) => paths.get(name));
    const read = container.volumeMounts.filter(({ readOnly }) => readOnly).map(({ name }) => paths.get(name));
    expect(written).to.have.members([
      ...['/opt/cni/bin', '/run/multi-nic', '/var/lib/multi-nic', '/run/netns', '/var/run/netns', '/var/lib/cni'],
      ...['/sys', '/run/cni', '/var/run/cni'],
    ]);
    expect(read).to.have.members([
      ...['/etc/cni/net.d', '/var/lib/kubelet/device-plugins', '/var/lib/kubelet/pod-resources'],
    ]);
    const daemonSet = objectsOf(readFileSync(installFile('self-managed'), 'utf8')).find(
      ({ kind }) => kind === 'DaemonSet',
    );
    expect(daemonSet!.spec!.updateStrategy).to.deep.equal({
      ...{ type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '2%' } },
    });
  });

  it('the agent has what other plugins read and keep by the path that it has on the node, as their configurations say it', () => {
    for (const overlay of overlays()) {
      const { spec, container } = podOf(overlay, 'DaemonSet');
      const paths = new Map(spec.volumes.map(({ name, hostPath }) => [name, hostPath!.path]));
      const moved = container.volumeMounts.filter(({ name, mountPath }) => paths.get(name) !== mountPath);
      // Only the folder of executables is named by a flag.
      expect(
        moved.map(({ name }) => name),
        overlay,
      ).to.deep.equal(overlay === 'openshift' ? ['cni-bin'] : []);
    }
  });

  it('the agent resolves names as its node does: where it is chained, the pods of the cluster’s DNS wait for it', () => {
    for (const overlay of overlays()) expect(podOf(overlay, 'DaemonSet').spec.dnsPolicy, overlay).to.equal('Default');
  });

  it('chained: the agent may write the folder of networks, and is told to', () => {
    const { container } = podOf('chained', 'DaemonSet');
    expect(container.args).to.include('--chain=/etc/cni/net.d');
    const mount = container.volumeMounts.find(({ mountPath }) => mountPath === '/etc/cni/net.d');
    expect(mount!.readOnly).to.equal(undefined);
    for (const other of overlays().filter(name => name !== 'chained')) {
      expect(podOf(other, 'DaemonSet').container.args, other).not.to.include('--chain=/etc/cni/net.d');
    }
  });

  it('cert-manager and OpenShift are told into which configurations to write whom the API server trusts', () => {
    const injections = {
      'cert-manager': { 'cert-manager.io/inject-ca-from': 'multi-nic-system/multi-nic-webhook' },
      openshift: { 'service.beta.openshift.io/inject-cabundle': 'true' },
    };
    for (const [overlay, annotations] of Object.entries(injections)) {
      const objects = objectsOf(readFileSync(installFile(overlay), 'utf8'));
      const configurations = objects.filter(({ kind }) => kind.endsWith('WebhookConfiguration'));
      expect(configurations).to.have.length(2);
      for (const { metadata } of configurations) expect(metadata.annotations).to.include(annotations);
    }
  });

  it('clusters that enforce a Pod Security level by default take the agents, and neither warn of them nor write them into the audit log', () => {
    for (const overlay of overlays()) {
      const text = readFileSync(installFile(overlay), 'utf8');
      const { labels } = objectsOf(text).find(({ kind }) => kind === 'Namespace')!.metadata;
      for (const mode of ['enforce', 'audit', 'warn'])
        expect(labels, overlay).to.have.property(`pod-security.kubernetes.io/${mode}`, 'privileged');
    }
  });

  it('OpenShift: the cluster’s default node selector keeps agents off no node', () => {
    const namespace = objectsOf(readFileSync(installFile('openshift'), 'utf8')).find(
      ({ kind }) => kind === 'Namespace',
    );
    expect(namespace?.metadata.annotations).to.deep.equal({ 'openshift.io/node-selector': '' });
  });

  it('current: only creations of pods have match conditions', () => {
    const objects = objectsOf(readFileSync(installFile('current'), 'utf8'));
    const conditional = objects
      .flatMap(({ webhooks }) => webhooks ?? [])
      .filter(({ matchConditions }) => matchConditions)
      .map(({ name }) => name);
    const chances = ['pods-first', 'pods-second', 'pods'];
    expect(conditional).to.deep.equal([...chances, 'pod-creation'].map(name => `${name}.multinic.fms.io`));
  });

  it('current: webhooks that answer nothing keep no node from being drained, those that answer are evicted one by one', () => {
    const budget = objectsOf(readFileSync(installFile('current'), 'utf8')).find(
      ({ kind }) => kind === 'PodDisruptionBudget',
    );
    expect(budget?.spec).to.include({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
  });

  it('components combine as the guide says', async () => {
    const guide = readFileSync(join(root, 'docs/guides/install.md'), 'utf8');
    const objects = objectsOf(await kustomize(kustomizationsIn(guide)[0] ?? ''));
    const containers = objects.flatMap(({ spec }) => spec?.template?.spec.containers ?? []);
    expect(containers.map(({ image }) => image).sort()).to.deep.equal([
      `registry.example/multi-nic-agent:${manifest.version}`,
      `registry.example/multi-nic-webhook:${manifest.version}`,
      `registry.example/multi-nic-webhook:${manifest.version}`,
    ]);
    const kinds = objects.map(({ kind }) => kind);
    expect(kinds).to.include.members([
      'Certificate',
      'PodDisruptionBudget',
      'PrometheusRule',
      'ValidatingAdmissionPolicy',
    ]);
    expect(containers.flatMap(({ args }) => args ?? [])).to.include('--chain=/etc/cni/net.d');
  });

  it('hosts with other folders: the guide’s kustomization changes them on the host alone', async () => {
    const guide = readFileSync(join(root, 'docs/guides/install.md'), 'utf8');
    const shown = kustomizationsIn(guide).find(text => text.includes('k3s')) ?? '';
    const agentOf = (text: string): PodSpec =>
      objectsOf(text).find(({ kind }) => kind === 'DaemonSet')!.spec!.template!.spec;
    const pathsOf = ({ containers, volumes }: PodSpec): string[] =>
      containers[0]!.volumeMounts.map(({ name, mountPath }) => {
        const path = volumes.find(volume => volume.name === name)?.hostPath?.path ?? '';
        return `${mountPath}: ${path}`;
      });
    const [usual, there] = [readFileSync(installFile('chained'), 'utf8'), await kustomize(shown)]
      .map(agentOf)
      .map(pathsOf);
    const changed = [
      '/etc/cni/net.d: /var/lib/rancher/k3s/agent/etc/cni/net.d',
      '/opt/cni/bin: /var/lib/rancher/k3s/data/cni',
      '/var/lib/rancher/k3s/data: /var/lib/rancher/k3s/data',
    ];
    expect(there!.filter(path => !usual!.includes(path))).to.have.members(changed);
    expect(usual!.filter(path => !there!.includes(path))).to.have.members([
      '/etc/cni/net.d: /etc/cni/net.d',
      '/opt/cni/bin: /opt/cni/bin',
    ]);
  });

  it('where API servers do not reach pods: the guide’s kustomization has every webhook on the host’s network', async () => {
    const guide = readFileSync(join(root, 'docs/guides/install.md'), 'utf8');
    const shown = kustomizationsIn(guide).find(text => text.includes('hostNetwork')) ?? '';
    const deployments = objectsOf(await kustomize(shown)).filter(({ kind }) => kind === 'Deployment');
    expect(deployments).to.have.length(2);
    for (const { spec } of deployments)
      expect(spec?.template?.spec).to.include({ hostNetwork: true, dnsPolicy: 'Default' });
  });
});
