/** The cluster as a command: see `usage`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startCluster, type Cluster } from './index.ts';
import { isAlive } from './processes.ts';
import { isInUse, readSlots, type SlotRecord } from './slots.ts';

const usage = `A real Kubernetes on this machine, for tests and for trying things out.

  node test/cluster/main.ts up [--nodes 3] [--nics 2] [--fake-nodes 0] [--name NAME] [--keep]
      Starts a cluster. It ends with Ctrl-C; with --keep it stays in the background.
      --nodes       real nodes (needs root); 0 is a control plane alone
      --nics        secondary NICs of each real node
      --fake-nodes  Node objects without a machine
  node test/cluster/main.ts list
      Lists the clusters of this machine.
  node test/cluster/main.ts down [NAME]
      Ends the clusters of that name, or all that "up" started.

KUBEBUILDER_ASSETS names a folder with other programs (etcd, kube-apiserver, kubectl, …).
`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    keep: { type: 'boolean', default: false },
    name: { type: 'string', default: 'cluster' },
    nodes: { type: 'string', default: '3' },
    nics: { type: 'string', default: '2' },
    'fake-nodes': { type: 'string', default: '0' },
  },
});

try {
  await main(positionals);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function main([command, argument]: string[]): Promise<void> {
  if (options.help || command === undefined) console.log(usage);
  else if (command === 'up') await (options.keep ? upInBackground() : up());
  else if (command === 'list') readSlots().forEach(record => console.log(describe(record)));
  else if (command === 'down') await down(argument);
  else throw new Error(`Unknown command ${command}\n\n${usage}`);
}

/** Holds the cluster until a signal ends this process's wait. */
async function up(): Promise<void> {
  const ended = Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map(signal => once(process, signal)));
  const alive = setInterval(() => undefined, 60_000);
  const start = performance.now();
  const [nodes, nics, fakeNodes] = [count('nodes'), count('nics'), count('fake-nodes')];
  const starting = startCluster({
    name: options.name,
    nodes,
    nics,
    fakeNodes,
    scheduler: true,
    controllerManager: true,
  });
  const cluster = await Promise.race([starting, ended.then(() => undefined)]);
  if (cluster !== undefined) {
    console.log(howToUse(cluster, (performance.now() - start) / 1000));
    await ended;
    await cluster.stop();
  }
  clearInterval(alive);
  process.exit(); // a cluster that was still starting ends with this process
}

/** Leaves a process behind that holds the cluster, and returns when it is ready. */
async function upInBackground(): Promise<void> {
  const args = process.argv.slice(2).filter(argument => argument !== '--keep');
  const holder = spawn(process.execPath, [import.meta.filename, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  holder.stdout.pipe(process.stdout);
  const outcome = await Promise.race([
    once(holder.stdout, 'data').then(() => 'ready' as const),
    once(holder, 'exit').then(() => 'ended' as const),
  ]);
  if (outcome === 'ended') process.exitCode = 1;
  await sleep(100); // what it printed is on its way
  process.exit();
}

async function down(name: string | undefined): Promise<void> {
  const wanted = readSlots().filter(record => name === undefined || record.name === name);
  const started = wanted.filter(record => isAlive(record.owner) && isCommand(record));
  if (started.length === 0) console.log('There is no such cluster.');
  for (const record of started) process.kill(record.owner.pid, 'SIGTERM');
  while (started.some(isInUse)) await sleep(50);
}

/** Whether a cluster is held by this command, and not by a test, which is left alone. */
function isCommand(record: SlotRecord): boolean {
  return readFileSync(`/proc/${record.owner.pid}/cmdline`, 'utf8')
    .split('\0')
    .includes(import.meta.filename);
}

function count(option: 'nodes' | 'nics' | 'fake-nodes'): number {
  const value = Number(options[option]);
  if (!Number.isInteger(value) || value < 0)
    throw new Error(`--${option} takes a whole number, got ${options[option]}`);
  return value;
}

function describe(record: SlotRecord): string {
  const state = isInUse(record) ? 'running' : 'dead, removed at the next start';
  return `${record.name}\tslot ${record.slot}\t${state}\t${record.kubeconfig ?? 'starting'}`;
}

function howToUse(cluster: Cluster, seconds: number): string {
  const nodes = cluster.nodes.map(node => {
    const nics = node.nics.map(nic => `${nic.name} ${nic.address}`).join(', ');
    return `  ${node.name}  ${node.ip}  ${nics}\n    sudo nsenter --target ${node.pid} --net --mount --pid --uts`;
  });
  return [
    `Kubernetes ${cluster.version.major}.${cluster.version.minor} is up after ${seconds.toFixed(1)} s at ${cluster.server}`,
    `  export KUBECONFIG=${cluster.kubeconfig}`,
    `  ${cluster.kubectlProgram} get nodes`,
    `  logs in ${cluster.logs}`,
    ...nodes,
    `End it with Ctrl-C, or: node test/cluster/main.ts down ${cluster.name}`,
  ].join('\n');
}
