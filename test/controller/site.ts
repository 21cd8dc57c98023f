import pino from 'pino';
import { createController } from '../../controller/controller.ts';
import type { ControllerOptions } from '../../controller/controllerOptions.ts';
import { systemNamespace } from '../../core/api/names.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks, nodes } from '../../kube/api/resources.ts';
import { createMetrics, type Metrics } from '../../kube/report/metrics.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { applyManifests, definitionCrd } from '../system/apply.ts';
import { inParallel, Observed } from './support.ts';

/** A control plane without nodes, with our resources and the controllers that a test starts. */
export interface ControllerSite {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  /** What the API server has. */
  readonly seen: Observed;
  /** The one that was started last. */
  readonly controller: Running;
  /** Runs one more controller in this process, until the test's end (`each`) or the suite's. */
  start(times?: Times): Running;
}

export interface SiteOptions {
  /** Whether the cluster knows NetworkAttachmentDefinitions. Default true. */
  readonly multus?: boolean;
  /** Whether a controller runs through the whole suite, or each test starts its own. Default the whole suite. */
  readonly controllers?: 'suite' | 'each';
}

/** For the top of a suite: its hooks bring the site up, clear it after each test, and end it. */
export function controllerSite(
  name: string,
  { multus = true, controllers = 'suite' }: SiteOptions = {},
): ControllerSite {
  let parts: Pick<ControllerSite, 'cluster' | 'client' | 'seen'> | undefined;
  const running: Running[] = [];
  const up = (): NonNullable<typeof parts> => {
    if (!parts) throw new Error('The site is not up: its before hook has not run');
    return parts;
  };
  const start = (times?: Times): Running => {
    const controller = runController(up().client, times);
    running.push(controller);
    return controller;
  };
  const stopAll = (): Promise<unknown> => Promise.all(running.splice(0).map(controller => controller.stop()));

  before(async function () {
    this.timeout(900_000);
    const cluster = await startCluster({ name, nodes: 0 });
    const client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    parts = { cluster, client, seen: new Observed(client) };
    await installResources(cluster, { multus });
    if (controllers === 'suite') start();
  });
  afterEach(async () => {
    if (controllers === 'each') await stopAll();
    await removeAll(up().client);
  });
  after(async () => {
    await stopAll();
    await parts?.client.close();
    await parts?.cluster.stop();
  });

  return {
    get cluster() {
      return up().cluster;
    },
    get client() {
      return up().client;
    },
    get seen() {
      return up().seen;
    },
    get controller() {
      const newest = running.at(-1);
      if (!newest) throw new Error('No controller was started');
      return newest;
    },
    start,
  };
}

/** Ends the controllers that a test left running. */
export interface Running {
  stop(): Promise<void>;
  metrics: Metrics;
  isLeader(): boolean;
}

export type Times = NonNullable<NonNullable<ControllerOptions['options']>['times']>;

/** How long reservations wait for their pods, ms. */
export const reservationMs = 5_000;

/** Runs a controller in this process, with times that fit a test. Errors go to standard error. */
export function runController(client: KubeClient, times: Times = {}): Running {
  const abort = new AbortController();
  const metrics = createMetrics();
  const controller = createController({
    client,
    logger: pino({ level: process.env.LOG_LEVEL ?? 'error' }, pino.destination(2)),
    metrics,
    options: {
      times: {
        batchMs: 50,
        statusIntervalMs: 300,
        sweepIntervalMs: 300,
        auditIntervalMs: 500,
        reservationMs,
        hostIndexRestMs: 0,
        definitionRecheckMs: 300,
        ...times,
      },
      election: { leaseDurationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 300 },
    },
  });
  const ended = controller.start(abort.signal);
  return {
    metrics,
    isLeader: () => controller.isLeader,
    stop: async () => {
      abort.abort();
      await ended;
    },
  };
}

/** Our resources and, unless it is to have none, NetworkAttachmentDefinition. */
async function installResources(cluster: Cluster, { multus = true } = {}): Promise<void> {
  await applyManifests(cluster, 'manifests/base/crds', ...(multus ? [definitionCrd] : []));
  await cluster.kubectl(['create', 'namespace', systemNamespace]);
}

/** Deletes what a test made. Namespaces are not deleted by anybody here (that takes the controller manager), so each test has its own. */
async function removeAll(client: KubeClient): Promise<void> {
  for (const resource of [multiNicNetworks, hostInterfaces, cidrs, ipPools] as const) {
    const { items } = await client.list(resource as typeof cidrs);
    await inParallel(items, ({ metadata }) => client.delete(resource, { name: metadata.name }).catch(ignoreNotFound));
  }
  const { items } = await client.list(nodes);
  await inParallel(items, ({ metadata }) => client.delete(nodes, { name: metadata.name }).catch(ignoreNotFound));
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Error && error.message.includes('404'))) throw error;
}
