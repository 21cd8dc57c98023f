import { setTimeout as sleep } from 'node:timers/promises';
import { buildCni } from '../../build/buildCni.ts';
import { annotation } from '../../core/api/names.ts';
import { type Cluster, idlePodSpec, startCluster } from '../cluster/index.ts';
import { type InstalledSystem, installSystem, labelNamespace } from '../system/install.ts';
import { networks } from './networks.ts';
import { writeRecorder } from './recorder.ts';
import { legacyNamespace, type Scenario } from './scenarios.ts';

export interface MultusCluster {
  readonly cluster: Cluster;
  readonly system: InstalledSystem;
}

/**
 * A cluster with Multus as every node's first CNI plugin, the system installed, the networks of networks.ts, namespace `default` opted
 * in, and another that is not. Every call of the CNI executable is recorded.
 * @param multus the executable `multus`
 */
export async function startMultusCluster(multus: string, nodes: number): Promise<MultusCluster> {
  const cluster = await startCluster({ name: 'multus', nodes, nics: 2 });
  try {
    const recorder = writeRecorder(await buildCni(), cluster.runFolder);
    const system = await installSystem(cluster, recorder, { multus });
    await labelNamespace(cluster, 'default');
    await cluster.kubectl(['create', 'namespace', legacyNamespace]);
    for (const [name, spec] of Object.entries(networks)) {
      const network = { apiVersion: 'multinic.fms.io/v1', kind: 'MultiNicNetwork', metadata: { name }, spec };
      await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(network) });
    }
    const ready = ['wait', '--for=condition=Ready', 'mnn', '--all', '--timeout=60s'];
    await cluster.kubectl(ready);
    for (const name of Object.keys(networks)) await definitionOf(cluster, name);
    return { cluster, system };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** Makes the scenario's pod on the first node, whose block has the addresses that it may ask for, and waits until it is ready. */
export async function runPod(cluster: Cluster, { namespace, name, selection }: Scenario): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, annotations: { [annotation.networks]: selection } },
    spec: { ...idlePodSpec, nodeSelector: { 'kubernetes.io/hostname': cluster.nodes[0]?.name } },
  };
  await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(pod) });
  await cluster.kubectl(['wait', '-n', namespace, `pod/${name}`, '--for=condition=Ready', '--timeout=90s']);
}

/** Waits until a network has its definition in the namespace that was made last. */
async function definitionOf(cluster: Cluster, name: string): Promise<void> {
  const get = ['get', 'net-attach-def', '-n', legacyNamespace, name];
  const end = performance.now() + 60_000;
  for (;;) {
    const { stderr } = await cluster.kubectl(get, { allowFailure: true });
    if (stderr === '') return;
    if (performance.now() > end) throw new Error(`network ${name} got no definition: ${stderr}`);
    await sleep(200);
  }
}
