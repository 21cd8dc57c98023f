/** The cluster as a command: see `usage`. */
import { parseArgs } from 'node:util';
import { endHeld, heldBy, hold, holdInBackground } from './holder.ts';
import { type Cluster, startCluster } from './index.ts';
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

/** Holds the cluster until a signal. */
async function up(): Promise<never> {
  const start = performance.now();
  const [nodes, nics, fakeNodes] = [count('nodes'), count('nics'), count('fake-nodes')];
  const controllers = { scheduler: true, controllerManager: true };
  return hold(async () => {
    const cluster = await startCluster({ name: options.name, nodes, nics, fakeNodes, ...controllers });
    console.log(howToUse(cluster, (performance.now() - start) / 1000));
    return cluster;
  });
}

/** Leaves a process behind that holds the cluster, and returns when it is ready. */
async function upInBackground(): Promise<void> {
  const args = process.argv.slice(2).filter(argument => argument !== '--keep');
  const isReady = await holdInBackground(import.meta.filename, args);
  process.exit(isReady ? 0 : 1);
}

async function down(name: string | undefined): Promise<void> {
  const held = heldBy(import.meta.filename).filter(record => name === undefined || record.name === name);
  if (held.length === 0) console.log('There is no such cluster.');
  await endHeld(held);
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
