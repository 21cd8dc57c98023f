import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { progress, step } from '../build/progress.ts';
import { systemNamespace } from '../core/api/names.ts';
import { bundle } from '../images/bundle.ts';
import { KubeClient } from '../kube/api/client.ts';
import { cidrs, hostInterfaces, multiNicNetworks } from '../kube/api/resources.ts';
import type { KubeObject, Resource } from '../kube/api/types.ts';
import { Namespace } from '../test/agent/namespaces.ts';
import { Program } from '../test/agent/programs.ts';
import { openBridge } from '../test/agent/site.ts';
import { type Cluster, startCluster } from '../test/cluster/index.ts';
import { eventually } from '../test/eventually.ts';
import { type Reporter, runBenchmark } from './frame.ts';
import { agentEnvironment } from './support/agentEnvironment.ts';
import { Folder } from './support/folder.ts';
import { hostAddress, hostName, largeCluster } from './support/largeCluster.ts';
import { median } from './support/samples.ts';

const repository = join(import.meta.dirname, '..');
const nics = 8;
const fewHosts = 3;
const manyHosts = 5000;
/** The engine returns memory some time after it was needed. */
const settleMs = 30_000;
const sampleEveryMs = 1000;
const samples = 5;
/** Where a pod's service account is mounted: the mount exists only for the agent, an empty folder for the machine. */
const secrets = '/run/secrets';

/** Resident memory of a process, MiB (VmRSS, proc_pid_status(5)). */
function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

async function settled(pid: number): Promise<number> {
  await sleep(settleMs);
  const taken: number[] = [];
  for (let i = 0; i < samples; i++) {
    taken.push(residentMiB(pid));
    await sleep(sampleEveryMs);
  }
  return median(taken);
}

/** What any Node program that can do system calls takes. */
async function bareNode(): Promise<number> {
  await using program = new Program(
    ['setpriv', '--pdeathsig', 'KILL', process.execPath, '-e', "require('koffi'); setInterval(() => {}, 1e6)"],
    {},
  );
  await sleep(3000);
  return residentMiB(program.pid);
}

function plugIn(namespace: Namespace): void {
  for (let n = 0; n <= nics; n++) {
    namespace.ip('link', 'add', `eth${n}`, 'type', 'veth', 'peer', 'name', `peer${n}`);
    namespace.ip('link', 'set', `peer${n}`, 'up');
    namespace.ip('link', 'set', `eth${n}`, 'up');
    const address = n === 0 ? '192.168.77.2/24' : `${hostAddress(0, n - 1)}/16`;
    namespace.ip('address', 'add', address, 'dev', `eth${n}`);
  }
  namespace.ip('route', 'add', 'default', 'via', '192.168.77.1', 'dev', 'eth0');
}

/** Files that a pod of the agent's service account has. */
async function mountable(cluster: Cluster, folder: Folder): Promise<string> {
  const base = join(repository, 'manifests/base');
  for (const path of ['crds', 'namespace.yaml', 'agent/rbac.yaml'])
    await cluster.kubectl(['apply', '-f', join(base, path)]);
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
  const files = folder.file('secrets');
  mkdirSync(join(files, 'kubernetes.io/serviceaccount'), { recursive: true });
  for (const [name, text] of Object.entries({
    token: await cluster.tokenFor({ namespace: systemNamespace, name: 'multi-nic-agent' }),
    'ca.crt': cluster.caCertificate,
    namespace: systemNamespace,
  })) {
    await writeFile(join(files, 'kubernetes.io/serviceaccount', name), text);
  }
  return files;
}

/** The bundled agent in a host, with the environment of a pod. */
function startAgent(cluster: Cluster, host: Namespace, bundle: string, folder: Folder): Program {
  const { port } = new URL(cluster.server);
  const args = ['--socket', folder.file('cni.sock'), '--state-dir', folder.file('state'), '--node-name', hostName(0)];
  const script = `mount --bind "$0" ${secrets} && exec setpriv --pdeathsig KILL "$@"`;
  return new Program(
    host.enter('sh', '-c', script, folder.file('secrets'), process.execPath, bundle, ...args, '--health-port', '0'),
    {
      logFile: folder.file('agent.log'),
      env: {
        ...agentEnvironment(),
        ...{ KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: port, KUBECONFIG: '', LOG_LEVEL: 'info' },
      },
    },
  );
}

async function createAll<T extends KubeObject>(client: KubeClient, kind: Resource<T>, objects: readonly T[]) {
  const queue = objects.values();
  const worker = async (): Promise<void> => {
    for (const object of queue) await client.create(kind, object);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** Adds hosts first…last-1 and their pages; the agent writes host-0 itself. */
async function addHosts(client: KubeClient, first: number, last: number): Promise<void> {
  const { hosts, pages } = largeCluster(last, nics);
  await createAll(client, hostInterfaces, hosts.slice(first));
  for (const page of pages) {
    const known = await client.find(cidrs, { name: page.metadata.name });
    if (known) await client.update(cidrs, { ...known, spec: page.spec });
    else await client.create(cidrs, page);
  }
}

function routesOf(host: Namespace): number {
  return Number(host.exec('sh', '-c', 'ip route show table all proto 77 | wc -l'));
}

async function run(report: Reporter): Promise<void> {
  const program = await step('bundling the agent', () => bundle('agent', join(repository, 'dist/bench/agent')));
  await using folder = await Folder.make();
  await using cluster = await startCluster({ name: 'memory', nodes: 0 });
  await mountable(cluster, folder);
  await using client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
  const bridge = await openBridge(folder.file('api.sock'), cluster.server);
  using host = new Namespace('memory');
  try {
    plugIn(host);
    const relayProgram = join(repository, 'test/agent/relay.ts');
    const relayArgs = [relayProgram, new URL(cluster.server).port, folder.file('api.sock')];
    await using relay = new Program(host.enter(process.execPath, ...relayArgs));
    await relay.firstOutput();
    mkdirSync(secrets, { recursive: true });
    await using agent = startAgent(cluster, host, program, folder);
    await eventually(
      'the HostInterface of the agent',
      () => client.find(hostInterfaces, { name: hostName(0) }),
      60_000,
    );
    const { network } = largeCluster(1, nics);
    const created = await client.create(multiNicNetworks, network);
    await client.updateStatus(multiNicNetworks, { ...created, ...(network.status && { status: network.status }) });
    await addHosts(client, 1, fewHosts);
    await eventually('the routes', () => routesOf(host) === (fewHosts - 1) * nics, 60_000);

    progress(`waiting ${settleMs / 1000} s for the agent's memory to settle`);
    const baseline = await bareNode();
    const against = 'bare node with koffi';
    const idle = await settled(agent.pid);
    report('agent, idle on a small cluster', {
      ...{ value: idle, unit: 'MiB', baseline, against },
      goal: { of: 'value', atMost: 70 },
    });
    await step(`creating ${manyHosts} hosts`, () => addHosts(client, fewHosts, manyHosts));
    await step('programming their routes', () =>
      eventually('the routes', () => routesOf(host) === (manyHosts - 1) * nics, 240_000),
    );
    report(`agent, ${manyHosts} hosts known`, {
      ...{ value: await settled(agent.pid), unit: 'MiB', baseline, against },
      goal: { of: 'value', atMost: 120 },
    });
  } catch (error) {
    console.error(readFileSync(folder.file('agent.log'), 'utf8').split('\n').slice(-10).join('\n'));
    throw error;
  } finally {
    bridge.close();
    removeIfEmpty(secrets);
  }
}

function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT' && code !== 'EBUSY') throw error;
  }
}

await runBenchmark({
  name: 'memory',
  about: "the agent's resident memory, bundled as in its image, against a bare Node process",
  limitSeconds: 900,
  run,
});
