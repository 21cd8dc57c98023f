import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { installFile } from '../../build/manifests.ts';
import { readAttachments } from '../../core/annotation/attachments.ts';
import { parseNetworks } from '../../core/annotation/networks.ts';
import { annotation, systemNamespace } from '../../core/api/names.ts';
import { chainedFile } from '../../core/cni/chainedList.ts';
import { boxImage, type Cluster, startCluster } from '../cluster/index.ts';
import { demoDeployment, demoNetwork, refusedNetwork } from '../demo/manifests.ts';
import { eventually } from '../eventually.ts';
import { applyManifests, definitionCrd } from '../system/apply.ts';
import { install, loadImages, reachesServices } from '../system/fromImages.ts';
import { followGuide } from '../system/guide.ts';
import { labelNamespace } from '../system/install.ts';
import { kustomizationsIn, kustomize } from '../system/kustomize.ts';
import { blocks, read } from '../system/pages.ts';
import { leasedNetwork, leasedPod, serveDhcp, startDhcpDaemon } from './dhcp.ts';
import { linksOf, tracesIn, tracesOn } from './traces.ts';

interface PodView {
  metadata: { name: string; uid: string; annotations?: Record<string, string> };
  spec: { nodeName?: string };
  status: { phase: string };
}

const chained = 'chained';

/** A node that is no machine, whose provider runs no DaemonSets. */
const virtualNode = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'virtual', labels: { type: 'virtual-kubelet', 'kubernetes.io/os': 'linux' } },
  spec: { taints: [{ key: 'virtual-kubelet.io/provider', effect: 'NoSchedule' }] },
};
const workers = 4;

describe('an installation from images with the manifests', function () {
  this.timeout(600_000);
  let cluster: Cluster;
  const linksBefore = new Map<string, string[]>();

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'install', nodes: 2, nics: 2, apiServerArgs: reachesServices });
    for (const node of cluster.nodes) linksBefore.set(node.name, await linksOf(node));
    await loadImages(cluster);
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(virtualNode) });
  });

  after(async function () {
    this.timeout(60_000);
    await cluster?.stop();
  });

  async function pods(selector = 'app=workers'): Promise<PodView[]> {
    const { stdout } = await cluster.kubectl(['get', 'pods', '-l', selector, '-o', 'json']);
    return (JSON.parse(stdout) as { items: PodView[] }).items;
  }

  function decidedFor({ metadata }: PodView): string[] {
    const [element] = parseNetworks(metadata.annotations?.[annotation.networks] ?? '');
    return (readAttachments(element?.['cni-args']) ?? []).flatMap(({ addresses }) =>
      addresses.map(address => address.split('/')[0] ?? ''),
    );
  }

  /** The addresses of a pod's interfaces of ours, in order, as the pod itself sees them. */
  async function addressesIn({ metadata }: PodView): Promise<string[]> {
    const script = 'for i in 0 1; do busybox ip -4 addr show dev net1-$i; done';
    const { stdout } = await cluster.kubectl(['exec', metadata.name, '--', '/bin/busybox', 'sh', '-c', script]);
    return [...stdout.matchAll(/inet ([\d.]+)/g)].map(([, address = '']) => address);
  }

  async function expectAddresses(): Promise<void> {
    const all = await pods();
    expect(all).to.have.length(workers);
    for (const pod of all) {
      const decided = decidedFor(pod);
      expect(decided).to.have.length(2);
      expect(await addressesIn(pod), pod.metadata.name).to.deep.equal(decided);
    }
  }

  function networkOnNodes(): string {
    const [node] = cluster.nodes;
    return demoNetwork(
      'ptp',
      node!.nics.map(nic => nic.subnet),
    );
  }

  /** The networks annotation of a pod that is created for a look at it only. */
  async function networksAtDryRun(): Promise<string> {
    const spec = { containers: [{ name: 'c', image: 'x' }] };
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'dry' }, spec });
    const { stdout } = await cluster.kubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], { input });
    return (JSON.parse(stdout) as PodView).metadata.annotations?.[annotation.networks] ?? '';
  }

  /** Not left to the garbage collector, which stands still for a minute or more when schemas go. */
  async function endWorkers(): Promise<void> {
    await cluster.kubectl(['scale', 'deployment', 'workers', '--replicas=0']);
    await eventually('the end of the pods', async () => (await pods()).length === 0);
  }

  async function useIt(): Promise<void> {
    await labelNamespace(cluster, 'default');
    await cluster.kubectl(['apply', '-f', '-'], { input: `${networkOnNodes()}---\n${demoDeployment(workers)}` });
    await cluster.kubectl(['rollout', 'status', 'deployment/workers', '--timeout=180s']);
  }

  it('is rolled out: three webhooks, an agent on each node', async () => {
    await install(cluster, chained);
    const { stdout } = await cluster.kubectl(['-n', systemNamespace, 'get', 'pods', '-o', 'json']);
    const all = (JSON.parse(stdout) as { items: PodView[] }).items;
    const named = (name: string) => all.filter(({ metadata }) => metadata.name.startsWith(name));
    expect(named('multi-nic-webhook-')).to.have.length(3);
    expect(new Set(named('multi-nic-webhook-').map(({ spec }) => spec.nodeName)).size).to.equal(2);
    expect(named('multi-nic-agent-')).to.have.length(2);
  });

  it('shows networks and addresses to those who may view the cluster, and lets them change nothing', async () => {
    const mayViewer = async (...args: string[]) =>
      (await cluster.kubectl(['auth', 'can-i', ...args, '--as=viewer'], { allowFailure: true })).stdout.trim();
    await cluster.kubectl(['create', 'clusterrolebinding', 'viewers', '--clusterrole=view', '--user=viewer']);
    await eventually('the right to see addresses', async () => (await mayViewer('list', 'ippools')) === 'yes');
    expect(await mayViewer('get', 'multinicnetworks')).to.equal('yes');
    expect(await mayViewer('update', 'multinicnetworks')).to.equal('no');
    await cluster.kubectl(['delete', 'clusterrolebinding', 'viewers']);
  });

  it('gives pods of a labelled namespace their addresses', async () => {
    await useIt();
    await expectAddresses();
  });

  it('runs the node’s plugins, which find what is theirs on it: dhcp the socket of its daemon', async () => {
    const [node, other] = cluster.nodes;
    await serveDhcp(other!);
    startDhcpDaemon(node!);
    await cluster.kubectl(['apply', '-f', '-'], { input: leasedNetwork });
    await cluster.kubectl(['apply', '-f', '-'], { input: leasedPod(node!) });
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/leased', '--timeout=90s']);
    const [pod] = await pods('app=leased');
    const leases = node!.nics.map(({ subnet }) => subnet.replace(/0\/24$/, '1'));
    expect((await addressesIn(pod!)).map(address => address.slice(0, -2))).to.deep.equal(leases);
    await cluster.kubectl(['delete', 'pod/leased', 'multinicnetwork/leased']);
  });

  it('shows at a dry run what a pod would get, and refuses a network that cannot be', async () => {
    expect(await networksAtDryRun()).to.contain('train-net');
    const refused = await cluster.kubectl(['apply', '-f', '-'], { input: refusedNetwork, allowFailure: true });
    expect(refused.stderr).to.contain('MNN_CAPACITY');
  });

  it('is replaced pod by pod while pods come and go; those that run keep their addresses', async () => {
    const before = await pods();
    const webhooks = ['multi-nic-webhook', 'multi-nic-webhook-spare'].map(name => `deployment/${name}`);
    await cluster.kubectl(['-n', systemNamespace, 'rollout', 'restart', ...webhooks, 'daemonset/multi-nic-agent']);
    const rolled = followGuide(cluster, 'install: rolled out').then(() => true);
    for (let round = 0, done = false; !done; round++) {
      await cluster.kubectl(['apply', '-f', '-'], { input: demoDeployment(workers + 2 * ((round + 1) % 2)) });
      await cluster.kubectl(['rollout', 'status', 'deployment/workers', '--timeout=180s']);
      done = await Promise.race([rolled, Promise.resolve(false)]);
    }
    await cluster.kubectl(['apply', '-f', '-'], { input: demoDeployment(workers) });
    await eventually('as many pods as before', async () => (await pods()).length === workers);
    await expectAddresses();
    const now = new Set((await pods()).map(({ metadata }) => metadata.uid));
    expect(before.filter(({ metadata }) => now.has(metadata.uid)).length).to.be.greaterThan(0);
  });

  it('uninstalled under running pods, stands in nobody’s way: pods end, and others start', async () => {
    // With the namespace, the rest goes while it is being deleted.
    await cluster.kubectl(['delete', '--ignore-not-found', '-f', installFile(chained)]);
    for (const node of cluster.nodes) {
      expect(await tracesOn(node, linksBefore.get(node.name)!)).not.to.include(`/etc/cni/net.d/${chainedFile}`);
      // As Multus would, which remembers what it has called.
      const env = { CNI_COMMAND: 'DEL', CNI_CONTAINERID: 'gone', CNI_IFNAME: 'net1', CNI_PATH: '/opt/cni/bin' };
      const input = JSON.stringify({ cniVersion: '1.0.0', name: 'train-net', type: 'multi-nic' });
      await node.exec(['/opt/cni/bin/multi-nic'], { env, input });
    }
    await endWorkers();
    await cluster.kubectl(['apply', '-f', '-'], { input: demoDeployment(workers) });
    await cluster.kubectl(['rollout', 'status', 'deployment/workers', '--timeout=120s']);
    for (const pod of await pods()) expect(decidedFor(pod)).to.deep.equal([]);
    await endWorkers();
  });

  it('can be installed again', async () => {
    await install(cluster, chained);
    await useIt();
    await expectAddresses();
  });

  /** As the guide says: pods, then networks, then all else. */
  async function uninstall(overlay: string): Promise<void> {
    await endWorkers();
    await followGuide(cluster, 'install: uninstall', { overlay });
  }

  async function expectNothingLeft(): Promise<void> {
    for (const node of cluster.nodes) {
      expect(await tracesOn(node, linksBefore.get(node.name)!), node.name).to.deep.equal([]);
    }
    expect(await tracesIn(cluster)).to.deep.equal([]);
  }

  it('uninstalled as the guide says, leaves nothing behind, and pods start', async () => {
    await uninstall(chained);
    await expectNothingLeft();
    await cluster.kubectl(['apply', '-f', '-'], { input: demoDeployment(workers) });
    await cluster.kubectl(['rollout', 'status', 'deployment/workers', '--timeout=120s']);
  });

  it('a chained network that stayed on a node is taken away from afar', async () => {
    const [node] = cluster.nodes;
    // It names a program that is not there.
    const copy = { cniVersion: '1.0.0', name: 'primary', plugins: [{ type: 'multi-nic', mode: 'chained' }] };
    await writeFile(node!.path(`/etc/cni/net.d/${chainedFile}`), JSON.stringify(copy));
    const replace = { 'node/NODE': `node/${node!.name}`, '--image=busybox': `--image=${boxImage}` };
    await followGuide(cluster, 'install: chained network', { replace });
    await eventually('the copy to go', () => !existsSync(node!.path(`/etc/cni/net.d/${chainedFile}`)));
    await cluster.kubectl(['delete', 'pods', '--field-selector=status.phase=Succeeded']);
  });

  it('works in a namespace of another name, and leaves nothing behind there', async () => {
    const shown = kustomizationsIn(read('docs/guides/install.md')).find(text => text.startsWith('namespace:')) ?? '';
    const input = await kustomize(shown);
    await cluster.kubectl(['apply', '-f', '-'], { input });
    await followGuide(cluster, 'install: rolled out', { replace: { [systemNamespace]: 'fabric' } });
    await endWorkers();
    await useIt();
    await expectAddresses();
    await endWorkers();
    await cluster.kubectl(['delete', 'multinicnetworks', '--all']);
    await cluster.kubectl(['delete', '--ignore-not-found', '-f', '-'], { input });
    await expectNothingLeft();
  });

  it('works in a namespace that was there before and stays, and leaves nothing behind but that', async () => {
    const guide = read('docs/guides/install.md');
    const shown = kustomizationsIn(guide).find(text => text.startsWith('namespace:')) ?? '';
    const [keep = ''] = blocks('docs/guides/install.md', 'yaml').filter(text => text.startsWith('patches:'));
    const input = await kustomize(`${shown.replace('fabric', 'shared')}${keep}`);
    await cluster.kubectl(['create', 'namespace', 'shared']);
    await cluster.kubectl(['apply', '-f', '-'], { input });
    await followGuide(cluster, 'install: rolled out', { replace: { [systemNamespace]: 'shared' } });
    await cluster.kubectl(['delete', '-f', '-'], { input });
    const deleted = async (): Promise<boolean> =>
      (await cluster.kubectl(['-n', 'shared', 'get', 'pods', '-o', 'name'])).stdout === '';
    await eventually('the end of the agents', deleted);
    await followGuide(cluster, 'install: left in the namespace', { replace: { fabric: 'shared' } });
    await cluster.kubectl(['get', 'namespace', 'shared']);
    await expectNothingLeft();
  });

  // Without Multus, and cert-manager's and OpenShift's controllers: as far as the manifests reach.
  for (const name of ['self-managed', 'cert-manager', 'openshift']) {
    it(`${name}: is rolled out, decides the networks of pods, and leaves nothing behind`, async () => {
      const { major, minor } = cluster.version;
      // `current` is self-managed with what API servers can do since 1.29.
      const overlay = name === 'self-managed' && (major > 1 || minor >= 29) ? 'current' : name;
      await applyManifests(cluster, definitionCrd, 'test/manifests/foreignCrds.yaml');
      await install(cluster, overlay);
      await cluster.kubectl(['apply', '-f', '-'], { input: networkOnNodes() });
      await eventually('a definition for Multus', async () => {
        const { stdout } = await cluster.kubectl(['get', 'network-attachment-definitions', '-o', 'name']);
        return stdout.includes('train-net');
      });
      expect(await networksAtDryRun()).to.contain('train-net');
      const bin = overlay === 'openshift' ? '/var/lib/cni/bin' : '/opt/cni/bin';
      for (const node of cluster.nodes) await node.exec([`${bin}/multi-nic`, '--version']);
      await uninstall(overlay);
      await expectNothingLeft();
      await eventually('the end of the definitions', async () => {
        const { stdout } = await cluster.kubectl(['get', 'network-attachment-definitions', '-A', '-o', 'name']);
        return stdout === '';
      });
    });
  }
});
