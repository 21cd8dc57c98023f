/** The demo as a command: see `usage`. */
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { endHeld, heldBy, hold, holdInBackground, terminationRequested } from '../cluster/holder.ts';
import type { Cluster } from '../cluster/index.ts';
import { startDemo, tellStory } from './story.ts';

const usage = `Three real nodes, the system, a network, a Deployment, and a ping from every pod to every other over every NIC.

  node test/demo/main.ts [--keep | --down]
      --keep  leaves all of it running in the background
      --down  ends what --keep left running
`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    keep: { type: 'boolean', default: false },
    down: { type: 'boolean', default: false },
    /** What --keep runs in the background. */
    hold: { type: 'boolean', default: false },
  },
});

try {
  if (options.help) console.log(usage);
  else if (options.down) await down();
  else if (options.hold) await hold(holdDemo);
  else if (options.keep) await keep();
  else await once();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

/** The demo from beginning to end; a signal ends it, and what it made, at any time. */
async function once(): Promise<void> {
  const ended = terminationRequested().then(() => 'ended');
  let cluster: Cluster | undefined;
  const story = (async () => {
    cluster = await startDemo();
    await tellStory(cluster);
  })();
  const outcome = await Promise.race([story, ended]).finally(() => cluster?.stop());
  process.exit(outcome === 'ended' ? 130 : process.exitCode); // a cluster that was still starting ends with this process
}

async function keep(): Promise<void> {
  const [running] = heldBy(import.meta.filename);
  if (running) {
    console.log('The demo is running already. `make demo-down` ends it.');
    return;
  }
  const isReady = await holdInBackground(import.meta.filename, ['--hold']);
  process.exit(isReady ? 0 : 1);
}

async function holdDemo(): Promise<Cluster> {
  const cluster = await startDemo();
  await tellStory(cluster);
  console.log(`
It is left running. To use it, as root:
  export KUBECONFIG=${cluster.kubeconfig} PATH=${dirname(cluster.kubectlProgram)}:$PATH
  kubectl get mnn,hif,ipp
  kubectl get pods -o wide
Logs are in ${cluster.logs}. To end it, from any shell: make demo-down`);
  return cluster;
}

async function down(): Promise<void> {
  const held = heldBy(import.meta.filename);
  await endHeld(held);
  console.log(held.length === 0 ? 'No demo is running.' : 'The demo has ended; nothing of it is left.');
}
