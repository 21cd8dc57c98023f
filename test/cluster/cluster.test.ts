import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { hostLink } from './addressing.ts';
import { cgroupProcesses, cgroupFolders } from './cgroups.ts';
import { memoryFolder } from './cluster.ts';
import { boxImage, startCluster, type Cluster } from './index.ts';
import { isAlive, markedProcesses } from './processes.ts';
import { run } from '../setup/run.ts';
import { readSlots, slotFolder, sweep, type SlotRecord } from './slots.ts';
import { cgroupName } from './tearDown.ts';

interface Pod {
  metadata: { name: string };
  spec: { nodeName: string };
  status: { podIP: string };
}

const isRoot = process.getuid?.() === 0;

describe('local cluster: control plane alone', function () {
  this.timeout(600_000); // the first run on a machine builds Kubernetes
  let cluster: Cluster;

  before(async () => {
    cluster = await startCluster({ fakeNodes: 2, scheduler: true });
  });
  after(() => cluster?.stop());

  it('answers to kubectl', async () => {
    const { stdout } = await cluster.kubectl(['get', '--raw', '/version']);
    expect(JSON.parse(stdout)).to.include({ minor: String(cluster.version.minor) });
  });

  it('knows users by their certificates', async () => {
    const kubeconfig = await cluster.kubeconfigFor('eve', ['guests']);
    const refused = await cluster.kubectl(['get', 'nodes'], { kubeconfig, allowFailure: true });
    expect(refused.stderr).to.contain('User "eve" cannot list resource "nodes"');
  });

  it('schedules pods to nodes that have no machine', async () => {
    const { stdout: nodes } = await cluster.kubectl(['get', 'nodes', '--no-headers']);
    expect(nodes).to.match(/^fake-1 +Ready[^]*\nfake-2 +Ready/);
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(pod('waiting')) });
    await cluster.kubectl(['wait', 'pod/waiting', '--for=condition=PodScheduled', '--timeout=30s']);
    const { stdout } = await cluster.kubectl(['get', 'pod', 'waiting', '-o', 'jsonpath={.spec.nodeName}']);
    expect(stdout).to.match(/^fake-[12]$/);
  });

  it('takes custom resources with empty and zero values', async () => {
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(thingDefinition()) });
    await cluster.kubectl(['wait', 'crd/things.test.example', '--for=condition=Established', '--timeout=30s']);
    const spec = { text: '', number: 0, flag: false, list: [''] };
    const thing = { apiVersion: 'test.example/v1', kind: 'Thing', metadata: { name: 'empty' }, spec };
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(thing) });
    const { stdout } = await cluster.kubectl(['get', 'thing', 'empty', '-o', 'json']);
    expect((JSON.parse(stdout) as typeof thing).spec).to.deep.equal(spec);
  });

  it('runs beside another cluster that sees nothing of it', async () => {
    await using other = await startCluster({ fakeNodes: [{ name: 'elsewhere', labels: { rack: '7' } }] });
    expect(other.server).not.to.equal(cluster.server);
    const names = async (of: Cluster): Promise<string> =>
      (await of.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'])).stdout;
    expect(await names(other)).to.equal('elsewhere');
    expect(await names(cluster)).to.equal('fake-1 fake-2');
  });

  it('survives a crash of etcd and of the API server', async () => {
    await cluster.apiServer.kill();
    await cluster.etcd.kill();
    expect((await cluster.kubectl(['get', 'nodes'], { allowFailure: true })).code).not.to.equal(0);
    cluster.etcd.start();
    cluster.apiServer.start();
    await cluster.waitUntilReady();
    expect((await cluster.kubectl(['get', 'nodes', '-o', 'name'])).stdout).to.equal('node/fake-1\nnode/fake-2\n');
  });

  it('can be frozen', async () => {
    cluster.apiServer.pause();
    const frozen = await cluster.kubectl(['get', 'nodes', '--request-timeout=1s'], { allowFailure: true });
    cluster.apiServer.resume();
    expect(frozen.code).not.to.equal(0);
    await cluster.waitUntilReady();
    await cluster.kubectl(['get', 'nodes']);
  });
});

describe('local cluster: crashes', function () {
  this.timeout(600_000);

  it('are cleaned up after by the next start, where the reaper died too', async () => {
    const { owner, record } = await startElsewhere(0);
    process.kill(record.reaper!.pid, 'SIGKILL');
    await kill(owner);
    expect(leftovers(record)).to.include(slotFolder(record.slot));
    await sweep();
    await untilNothingIsLeft(record);
  });
});

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
    const script = 'wget -qO- --no-check-certificate https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/readyz';
    const { stdout } = await cluster.kubectl(['exec', pods[0]!.metadata.name, '--', 'sh', '-c', script]);
    expect(stdout).to.equal('ok');
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

  it('leaves nothing behind after SIGKILL', async () => {
    const { owner, record } = await startElsewhere(1);
    await kill(owner);
    await untilNothingIsLeft(record);
  });
});

describe('a cluster in the background', function () {
  this.timeout(120_000);
  const name = `background-${process.pid}`;
  const command = (...args: string[]) =>
    run([process.execPath, join(import.meta.dirname, 'main.ts'), ...args], { allowFailure: true });

  after(() => command('down', name));

  it('stays when the command has ended, keeps no pipe of it open, and ends by a command, any number of times', async () => {
    // run() resolves when the output has ended, so this says that nobody holds it.
    const { code, stdout } = await command('up', '--keep', '--nodes', '0', '--name', name);
    expect(code).to.equal(0);
    const kubeconfig = /KUBECONFIG=(\S+)/.exec(stdout)?.[1] ?? '';
    const kubectl = /^ {2}(\S+kubectl) /m.exec(stdout)?.[1] ?? '';
    const answer = await run([kubectl, 'get', 'namespace', 'default', '-o', 'name'], {
      env: { ...process.env, KUBECONFIG: kubeconfig },
    });
    expect(answer.stdout).to.equal('namespace/default\n');
    const record = readSlots().find(candidate => candidate.name === name)!;
    expect((await command('down', name)).code).to.equal(0);
    expect(leftovers(record)).to.deep.equal([]);
    expect(await command('down', name)).to.deep.include({ code: 0, stdout: 'There is no such cluster.\n' });
  });
});

/** Has another process start a cluster, and returns that process with what it noted down. */
async function startElsewhere(nodes: number): Promise<{ owner: ChildProcess; record: SlotRecord }> {
  const name = `elsewhere-${process.pid}`;
  const argv = [join(import.meta.dirname, 'main.ts'), 'up', '--nodes', String(nodes), '--nics', '1', '--name', name];
  const owner = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(owner.stdout, 'data'); // says how to use the cluster: it is up
  const record = readSlots().find(candidate => candidate.name === name)!;
  expect(leftovers(record)).to.have.length.greaterThan(4);
  return { owner, record };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function untilNothingIsLeft(record: SlotRecord): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (leftovers(record).length > 0 && performance.now() < deadline) await sleep(50);
  expect(leftovers(record)).to.deep.equal([]);
}

/** What can be seen of a cluster, from the outside. */
function leftovers(record: SlotRecord): string[] {
  const cgroup = cgroupName(record.slot);
  const folders = [record.runFolder, memoryFolder(record.slot), slotFolder(record.slot), ...cgroupFolders(cgroup)];
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return [
    ...markedProcesses(record.mark).map(pid => `process ${pid}`),
    ...cgroupProcesses(cgroup).map(pid => `process ${pid} in a cgroup`),
    ...(record.reaper !== undefined && isAlive(record.reaper) ? ['reaper'] : []),
    ...folders.filter(folder => existsSync(folder)),
    ...mounts.filter(line => line.includes(memoryFolder(record.slot)) || line.includes(record.runFolder)),
    ...(existsSync(`/sys/class/net/${hostLink(record.slot)}`) ? [hostLink(record.slot)] : []),
  ];
}

function pod(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'main', image: boxImage }] },
  };
}

function thingDefinition(): object {
  const list = { type: 'array', items: { type: 'string' } };
  const properties = { text: { type: 'string' }, number: { type: 'integer' }, flag: { type: 'boolean' }, list };
  const schema = { type: 'object', properties: { spec: { type: 'object', properties } } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.test.example' },
    spec: {
      group: 'test.example',
      scope: 'Cluster',
      names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
}

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
