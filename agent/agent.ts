import type { Runnable } from '../kube/process/lifecycle.ts';
import { informersSynced } from '../kube/report/checks.ts';
import { HealthServer } from '../kube/report/healthServer.ts';
import { createMetrics } from '../kube/report/metrics.ts';
import type { Flags } from './flags.ts';
import { ChainedNetwork } from './install/chainedNetwork.ts';
import { createAgentMetrics } from './metrics.ts';
import { clusterParts } from './parts/cluster.ts';
import { cniParts } from './parts/cni.ts';
import { hostParts } from './parts/host.ts';
import type { AgentBase, AgentSetup } from './parts/setup.ts';

/** Puts the agent together. @returns its parts in the order in which they start; they stop in reverse */
export function createAgent(options: Flags, base: AgentBase): Runnable[] {
  const { checkpoint, logger } = base;
  const { registry, informers, queues } = createMetrics();
  const metrics = createAgentMetrics(registry, () => [...checkpoint.list()].length);
  const setup: AgentSetup = { ...base, options, metrics, informers, queues };
  const cluster = clusterParts(setup);
  const { networks, cidrs, hosts } = cluster.sources;
  const copies = [networks, cidrs, hosts, cluster.pods.informer] as const;
  const host = hostParts(setup, cluster);
  const cni = cniParts(setup, cluster, Promise.all([...copies.map(({ synced }) => synced), host.discovery.known]));
  const health = new HealthServer({
    port: options.healthPort,
    logger,
    registry,
    ready: {
      informers: informersSynced(copies),
      'cni-server': () => cni.server.listening || 'the socket is not served yet',
    },
  });
  const { chain } = options;
  return [
    ...[health, host.kernelEvents, cluster.events],
    ...copies.map(unawaited),
    ...[cluster.records, cni.releaser, cni.lost, cni.lostRecords, cni.status, cni.inspector, cni.server],
    ...(chain === undefined ? [] : [new ChainedNetwork({ folder: chain, logger, observer: queues })]),
    ...[host.discovery, host.routes, host.hostRoutes, host.probe],
  ];
}

/** DEL and VERSION are served without the API server: only ADD waits for its objects to be read. */
function unawaited(informer: Runnable): Runnable {
  return { name: informer.name, start: signal => informer.start(signal) };
}
