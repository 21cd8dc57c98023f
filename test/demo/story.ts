import { buildCni } from '../../build/buildCni.ts';
import { run } from '../../build/run.ts';
import { readAttachments } from '../../core/annotation/attachments.ts';
import { parseNetworks } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import type { AllocatedNic } from '../../core/api/types.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { installSystem, labelNamespace } from '../system/install.ts';
import { demoDeployment, demoNetwork, refusedNetwork } from './manifests.ts';

interface DemoPod {
  name: string;
  node: string;
  nics: AllocatedNic[];
}

const started = performance.now();

/** Starts three nodes with the system and two NICs each. */
export async function startDemo(): Promise<Cluster> {
  const cluster = await startCluster({ name: 'demo', nodes: 3, nics: 2 });
  say(`three nodes are Ready, Kubernetes ${cluster.version.major}.${cluster.version.minor}`);
  await installSystem(cluster, await buildCni());
  await labelNamespace(cluster, 'default');
  say('the system is installed, without Multus; namespace default is labelled');
  return cluster;
}

/** Tells the story: a network with its Deployment, who got what, a ping from every pod to every other over every NIC, a refusal. */
export async function tellStory(cluster: Cluster): Promise<void> {
  const type = await ipvlanOrPtp(cluster);
  const network = demoNetwork(type, cluster.nodes[0]?.nics.map(nic => nic.subnet) ?? []);
  const { stdout, stderr } = await cluster.kubectl(['apply', '-f', '-'], {
    input: `${network}---\n${demoDeployment(3)}`,
  });
  for (const line of `${stdout}${stderr}`.trim().split('\n')) say(line);
  await cluster.kubectl(['rollout', 'status', 'deployment/workers', '--timeout=60s']);
  await cluster.kubectl(['wait', '--for=condition=Ready', 'mnn/train-net', '--timeout=60s']);
  const pods = await demoPods(cluster);
  await eventually('the network counts its pods', async () => {
    const path = 'jsonpath={.status.addresses.used}';
    return (await cluster.kubectl(['get', 'mnn/train-net', '-o', path])).stdout === String(pods.length);
  });
  await show(cluster, ['get', 'mnn,hif,ipp']);
  console.log('\nPOD                        NODE      INTERFACE  NIC   ADDRESS');
  for (const { name, node, nics } of pods) {
    for (const [i, { master, addresses }] of nics.entries()) {
      console.log(
        `${name.padEnd(26)} ${node.padEnd(9)} net1-${i}     ${(master ?? '').padEnd(5)} ${addresses.join(' ')}`,
      );
    }
  }
  await pingMatrix(cluster, pods);
  console.log('\nA network that cannot be is refused:');
  const refused = await cluster.kubectl(['apply', '-f', '-'], { input: refusedNetwork, allowFailure: true });
  console.log(refused.stderr.trim());
  say('done');
}

/** ipvlan where this machine's kernel has it, else the L3 type that needs no module. */
async function ipvlanOrPtp(cluster: Cluster): Promise<'ipvlan' | 'ptp'> {
  const node = cluster.nodes[0];
  const probe = ['ip', 'link', 'add', 'link', 'eth1', 'name', 'probe', 'type', 'ipvlan', 'mode', 'l3'];
  const { code } = (await node?.exec(probe, { allowFailure: true })) ?? { code: 1 };
  if (code === 0) await node?.exec(['ip', 'link', 'del', 'probe']);
  const { stdout: kernel } = await run(['uname', '-r']);
  say(code === 0 ? 'type ipvlan, mode l3' : `type ptp: this kernel (${kernel.trim()}) has no ipvlan`);
  return code === 0 ? 'ipvlan' : 'ptp';
}

async function demoPods(cluster: Cluster): Promise<DemoPod[]> {
  const { stdout } = await cluster.kubectl(['get', 'pods', '-l', 'app=workers', '-o', 'json']);
  const { items } = JSON.parse(stdout) as {
    items: { metadata: { name: string; annotations: Record<string, string> }; spec: { nodeName: string } }[];
  };
  return items.map(({ metadata, spec }) => {
    const [element] = parseNetworks(metadata.annotations[annotation.networks] ?? '');
    return { name: metadata.name, node: spec.nodeName, nics: readAttachments(element?.['cni-args']) ?? [] };
  });
}

async function pingMatrix(cluster: Cluster, pods: readonly DemoPod[]): Promise<void> {
  console.log('\nPINGS, from each pod to each other, over net1-0 net1-1');
  for (const from of pods) {
    const cells: string[] = [];
    for (const to of pods) cells.push(from === to ? '  -   ' : (await pings(cluster, from, to)).join(' '));
    console.log(`  ${from.name}  ${cells.join('  ')}`);
  }
}

/** Milliseconds of one ping a NIC; tried for a while, for routes are made as hosts become known. */
async function pings(cluster: Cluster, from: DemoPod, to: DemoPod): Promise<string[]> {
  const results: string[] = [];
  for (const [i, nic] of to.nics.entries()) {
    const address = nic.addresses[0]?.split('/')[0] ?? '';
    const script = `busybox ping -c 1 -W 2 -I net1-${i} ${address}`;
    let time: string | undefined;
    for (let attempt = 0; attempt < 10 && time === undefined; attempt++) {
      const argv = ['exec', from.name, '--', '/bin/busybox', 'sh', '-c', script];
      const { stdout } = await cluster.kubectl(argv, { allowFailure: true });
      time = /time=([\d.]+) ms/.exec(stdout)?.[1];
    }
    if (time === undefined) process.exitCode = 1;
    results.push(time === undefined ? 'FAILED' : `${time} ms`);
  }
  return results;
}

async function show(cluster: Cluster, args: readonly string[]): Promise<void> {
  console.log(`\n$ kubectl ${args.join(' ')}\n${(await cluster.kubectl(args)).stdout.trimEnd()}`);
}

function say(line: string): void {
  console.log(`[${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s] ${line}`);
}
