import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { boxImage, type Cluster, startCluster } from './index.ts';

interface Pod {
  metadata: { name: string };
  spec: { nodeName: string };
  status: { podIP: string };
}

const isRoot = process.getuid?.() === 0;

describe('local cluster: real nodes', function () {
  this.timeout(600_000);
  let cluster: Cluster;
  let pods: Pod[];

  before(async function () {
    if (!isRoot) return this.skip();
    cluster = await startCluster({ nodes: 2, nics: 2 });
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(onePodANode()) });
    await cluster.kubectl(['rollout', 'status', 'daemonset/box', '--timeout=60s']);
    const { stdout } = await cluster.kubectl(['get', 'pods', '-l', 'app=box', '-o', 'json']);
    pods = (JSON.parse(stdout) as { items: Pod[] }).items;
  });
  after(() => cluster?.stop());

  it('runs a pod on each', () => {
    expect(pods.map(item => item.spec.nodeName)).to.have.members(['node-1', 'node-2']);
  });

  it('shows logs, runs commands in pods, and pings across the primary network', async () => {
    const [first, second] = pods as [Pod, Pod];
    expect((await cluster.kubectl(['logs', first.metadata.name])).stdout).to.equal(`I am ${first.metadata.name}\n`);
    const ping = ['exec', first.metadata.name, '--', 'ping', '-c', '1', '-w', '10', second.status.podIP];
    expect((await cluster.kubectl(ping)).stdout).to.contain('1 packets received');
  });

  it('lets pods reach the API server at its Service', async () => {
    // Busybox's TLS knows no cipher of today's API servers; what answers plain HTTP in these words is one.
    const script = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 10 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT";
    const { stdout } = await cluster.kubectl(['exec', pods[0]!.metadata.name, '--', 'sh', '-c', script]);
    expect(stdout).to.contain('Client sent an HTTP request to an HTTPS server');
  });

  it('connects the secondary NICs of one index', async () => {
    const [first, second] = cluster.nodes;
    for (const nic of second!.nics) {
      const address = nic.address.split('/')[0]!;
      const ping = ['ping', '-c', '1', '-w', '10', '-I', nic.name, address];
      expect((await first!.exec(ping)).stdout).to.contain(' 0% packet loss');
    }
  });

  it('lets a test cut a cable', async () => {
    const [first, second] = cluster.nodes;
    const nic = second!.nics[1]!;
    const ping = async (): Promise<number | null> => {
      const argv = ['ping', '-c', '1', '-W', '1', '-I', nic.name, nic.address.split('/')[0]!];
      return (await first!.exec(argv, { allowFailure: true })).code;
    };
    await cluster.fabric.exec(['ip', 'link', 'set', second!.port(nic.index), 'down']);
    expect(await ping()).to.equal(1);
    expect((await second!.exec(['cat', `/sys/class/net/${nic.name}/carrier`])).stdout).to.equal('0\n');
    await cluster.fabric.exec(['ip', 'link', 'set', second!.port(nic.index), 'up']);
    expect(await ping()).to.equal(0);
  });

  it('plugs NICs in and out while the node runs', async () => {
    const node = cluster.nodes[0]!;
    const nic = await node.addNic();
    expect((await node.exec(['ip', '-brief', 'address', 'show', nic.name])).stdout).to.contain(nic.address);
    await node.removeNic(nic.index);
    expect((await node.exec(['ls', '/sys/class/net'])).stdout.split('\n'))
      .to.include('eth2')
      .and.not.include(nic.name);
    expect(node.nics.map(({ name }) => name)).to.deep.equal(['eth1', 'eth2']);
  });

  it('gives each node its own default folders, host name and processes', async () => {
    const [first, second] = cluster.nodes;
    await first!.exec(['touch', '/run/mark', '/var/lib/multi-nic/mark', '/etc/cni/net.d/mark', '/opt/cni/bin/mark']);
    for (const path of ['/run/mark', '/var/lib/multi-nic/mark', '/etc/cni/net.d/mark', '/opt/cni/bin/mark']) {
      expect((await second!.exec(['test', '-e', path], { allowFailure: true })).code, path).to.equal(1);
      expect(existsSync(path), path).to.equal(false);
    }
    expect(existsSync(first!.path('/run/mark'))).to.equal(true);
    expect((await first!.exec(['hostname'])).stdout).to.equal('node-1\n');
    expect((await first!.exec(['cat', '/proc/1/cmdline'])).stdout).to.match(/pause\0$/);
  });

  it('passes signals to programs on a node', async () => {
    const trap = cluster.nodes[0]!.component('trap', [
      'sh',
      '-c',
      'trap "echo asked; exit 0" TERM; echo up; while :; do sleep 0.1; done',
    ]);
    trap.start();
    await trap.waitUntil(() => Promise.resolve(trap.logTail() === 'up'));
    await trap.stop();
    expect(trap.logTail()).to.equal('up\nasked');
    expect(trap.running).to.equal(false);
  });

  it('keeps pods running while kubelet and containerd are restarted', async () => {
    const node = cluster.nodes[0]!;
    await node.kubelet.kill();
    await node.containerd.restart();
    node.kubelet.start();
    const own = pods.find(item => item.spec.nodeName === node.name)!;
    const exec = (): Promise<boolean> =>
      cluster.kubectl(['exec', own.metadata.name, '--', 'true'], { allowFailure: true }).then(({ code }) => code === 0);
    await node.kubelet.waitUntil(exec);
    const { stdout } = await cluster.kubectl([
      'get',
      'pod',
      own.metadata.name,
      '-o',
      'jsonpath={.status.containerStatuses[0].restartCount}',
    ]);
    expect(stdout).to.equal('0');
  });
});

/** A DaemonSet of busybox. */
function onePodANode(): object {
  const labels = { app: 'box' };
  const container = {
    name: 'main',
    image: boxImage,
    imagePullPolicy: 'Never',
    args: ['echo I am $(hostname); exec sleep 1000000'],
  };
  const spec = { terminationGracePeriodSeconds: 0, dnsPolicy: 'Default', containers: [container] };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'box' },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}
