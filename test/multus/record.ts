/**
 * Program: records what a real Multus makes of each scenario, into fixtures/.
 *   MULTUS_BIN=/path/to/multus node test/multus/record.ts VERSION
 */
import { annotation } from '../../core/api/names.ts';
import type { Cluster, ClusterNode } from '../cluster/index.ts';
import { runPod, startMultusCluster } from './cluster.ts';
import { callsFor, type RecordedCall, variable } from './recorder.ts';
import { type Recording, writeRecording } from './recording.ts';
import { type Scenario, scenarios } from './scenarios.ts';

const [version] = process.argv.slice(2);
const program = process.env.MULTUS_BIN;
if (version === undefined || program === undefined) {
  throw new Error('Say which Multus to record: MULTUS_BIN=/path/to/multus node test/multus/record.ts VERSION');
}

const { cluster } = await startMultusCluster(program, 1);
try {
  const [node] = cluster.nodes;
  if (!node) throw new Error('the cluster has no node');
  for (const scenario of scenarios) {
    writeRecording(await record(cluster, node, scenario));
    console.log(`• ${scenario.name}`);
  }
} finally {
  await cluster.stop();
}

async function record(running: Cluster, node: ClusterNode, scenario: Scenario): Promise<Recording> {
  const { namespace, name } = scenario;
  await runPod(running, scenario);
  const { stdout } = await running.kubectl(['get', 'pod', '-n', namespace, name, '-o', 'json']);
  const { metadata } = JSON.parse(stdout) as { metadata: { uid: string; annotations: Record<string, string> } };
  await running.kubectl(['delete', 'pod', '-n', namespace, name, '--wait']);
  return scrubbed(node, {
    multus: version ?? '',
    pod: { namespace, name, uid: metadata.uid },
    selection: metadata.annotations[annotation.networks] ?? '',
    calls: inOrder(callsFor(node, scenario)),
    networkStatus: metadata.annotations[annotation.networkStatus] ?? '',
  });
}

/** A pod whose first sandbox was given up, for example because the machine is slow, has calls that tell nothing. */
function inOrder(calls: readonly RecordedCall[]): RecordedCall[] {
  const last = calls.findLast(call => variable(call, 'CNI_COMMAND') === 'ADD');
  const container = last === undefined ? '' : variable(last, 'CNI_CONTAINERID');
  return calls.filter(call => variable(call, 'CNI_CONTAINERID') === container);
}

/** The cluster's own subnets, which change from run to run, are given as those of the hosts that the recording is replayed on. */
function scrubbed(node: ClusterNode, recording: Recording): Recording {
  let text = JSON.stringify(recording);
  for (const { index, subnet } of node.nics) text = text.replaceAll(subnet, `172.20.${index}.0/24`);
  return JSON.parse(text) as Recording;
}
