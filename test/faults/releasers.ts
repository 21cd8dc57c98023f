import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Checkpoint } from '../../agent/checkpoint/checkpoint.ts';
import { AddsUnderWay } from '../../agent/copies/addsUnderWay.ts';
import { PodSource } from '../../agent/copies/podSource.ts';
import { PoolRecords } from '../../agent/copies/poolRecords.ts';
import { Releaser } from '../../agent/release/releaser.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { cidrs, hostInterfaces, multiNicNetworks } from '../../kube/api/resources.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import { runAll, type Runnable } from '../../kube/process/lifecycle.ts';
import { ClusterView } from '../../kube/view/clusterView.ts';
import { Informer } from '../../kube/watch/informer.ts';
import type { Cluster } from '../cluster/index.ts';
import { controllerTimes } from './times.ts';

const logger = pino({ level: 'fatal' });

/** The part of each node's agent that releases addresses, for nodes without a machine: nothing is ever attached there. */
export async function startReleasers(cluster: Cluster, names: readonly string[]): Promise<AsyncDisposable> {
  const client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig, maxConnections: 64 });
  const folder = mkdtempSync(join(tmpdir(), 'multi-nic-faults-'));
  const sources = {
    networks: new Informer({ client, resource: multiNicNetworks, logger }),
    cidrs: new Informer({ client, resource: cidrs, logger }),
    hosts: new Informer({ client, resource: hostInterfaces, logger }),
  };
  const view = new ClusterView(sources, logger);
  const parts: Runnable[] = Object.values(sources);
  for (const node of names) {
    const pods = new PodSource({ client, node, logger });
    const store = new PoolStore(client, { logger });
    const records = new PoolRecords({ client, view, store, node, logger });
    const checkpoint = await Checkpoint.open(join(folder, node), logger);
    const { sweepIntervalMs: sweepMs, recordGraceMs: graceMs } = controllerTimes;
    const adds = new AddsUnderWay(pods);
    const releaser = new Releaser({ pods, adds, records, store, checkpoint, logger, sweepMs, graceMs });
    parts.push(pods.informer, records, releaser);
  }
  const stopping = new AbortController();
  const ended = runAll(stopping.signal, parts, { logger });
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await ended;
      await client.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
