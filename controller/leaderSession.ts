import { sleep } from '../kube/api/deadline.ts';
import { PoolStore } from '../kube/pools/poolStore.ts';
import { group, runAll, type Runnable } from '../kube/process/lifecycle.ts';
import { ClusterView } from '../kube/view/clusterView.ts';
import { CertificateKeeper } from './certificates/certificateKeeper.ts';
import { AddressCounts } from './context/addressCounts.ts';
import { Auditor } from './context/auditor.ts';
import { createInformers } from './context/informers.ts';
import type { LeaderContext } from './context/leaderContext.ts';
import { NetworkSurveys } from './context/networkSurveys.ts';
import { createOptionalResources, type OptionalResources, runOptionalResources } from './context/optionalResources.ts';
import { UnreadablePools } from './context/unreadablePools.ts';
import type { ControllerOptions, ControllerTimes } from './controllerOptions.ts';
import { addOptionalTriggers } from './optionalTriggers.ts';
import { addNetwork, createQueues, type Queues } from './queues.ts';
import { Registration } from './registration/registration.ts';
import { PageSweeper } from './sweeps/pages.ts';
import { createSweeper } from './sweeps/sweeper.ts';
import { addTriggers } from './triggers.ts';

/** One term as the leader: everything is created for it, so nothing that an earlier leader believed is carried over. */
export interface LeaderSession {
  context: LeaderContext;
  auditor: Auditor;
  /** Undefined where others keep the certificates. */
  certificates: CertificateKeeper | undefined;
  registration: Registration;
  run(signal: AbortSignal): Promise<void>;
}

/** Makes a session; run() starts it and resolves when all of it has ended. */
export function createLeaderSession(
  options: ControllerOptions,
  events: LeaderContext['events'],
  times: ControllerTimes,
): LeaderSession {
  const { client, logger, metrics } = options;
  const auditor = new Auditor({
    client,
    logger,
    intervalMs: times.auditIntervalMs,
    reservationMs: times.reservationMs,
  });
  const context = createContext(options, events);
  const optional = createOptionalResources({
    client,
    logger,
    recheckMs: times.definitionRecheckMs,
    observer: metrics?.informers,
  });
  const queues = createQueues(context, optional, times, metrics?.queues);
  const certificates = createCertificateKeeper(options, events);
  const { sweepIntervalMs: intervalMs, unregisteredMs: graceMs } = times;
  const registration = new Registration({ ...context, graceMs, intervalMs, observer: metrics?.informers });
  const parts = [
    // First, as it needs nothing of what follows.
    ...(certificates ? [certificates] : []),
    ...reconciling(context, queues, optional, times),
    ...sweeping(context, times),
    auditor,
    registration,
  ];
  return {
    context,
    auditor,
    certificates,
    registration,
    // Whoever leads next waits for the last of them.
    run: signal => runAll(signal, parts, { logger, stopTogether: true }),
  };
}

function createContext({ client, logger, metrics }: ControllerOptions, events: LeaderContext['events']): LeaderContext {
  const informers = createInformers(client, logger, metrics?.informers);
  return {
    client,
    logger,
    events,
    informers,
    view: new ClusterView(informers, logger),
    surveys: new NetworkSurveys(() => informers.hosts.list()),
    pools: new PoolStore(client, { logger, untracked: true }),
    addresses: new AddressCounts(informers),
    unreadable: new UnreadablePools(logger),
  };
}

function createCertificateKeeper(
  { client, logger, metrics, options }: ControllerOptions,
  events: LeaderContext['events'],
): CertificateKeeper | undefined {
  if (!options?.certificates) return undefined;
  const observer = metrics?.informers;
  return new CertificateKeeper({ client, logger, events, options: options.certificates, observer });
}

/** What keeps the cluster as networks, hosts and nodes want it. */
function reconciling(
  context: LeaderContext,
  queues: Queues,
  optional: OptionalResources,
  times: ControllerTimes,
): Runnable[] {
  const { informers } = context;
  const resync = (): void => {
    for (const { metadata } of informers.networks.list()) addNetwork(queues, context, metadata.name);
    for (const { metadata } of informers.nodes.list()) queues.capacities.add(metadata.name);
  };
  return [
    group('informers', Object.values(informers)),
    triggers(() => {
      addTriggers(queues, context, times);
      addOptionalTriggers(queues, context, optional, times.batchMs);
    }),
    group('reconcilers', Object.values(queues)),
    group('optional resources', runOptionalResources(optional, resync)),
    repeated('resync', times.resyncMs, resync),
  ];
}

/** What frees addresses and objects that nobody owns any more. */
function sweeping(context: LeaderContext, times: ControllerTimes): Runnable[] {
  const { sweepIntervalMs: intervalMs, reservationMs, recordGraceMs } = times;
  return [
    createSweeper(context, { intervalMs, reservationMs, surplusMs: recordGraceMs }),
    new PageSweeper(context, { intervalMs, recordGraceMs }),
  ];
}

/** Nothing is reconciled before every copy is complete; then each object counts as added. */
function triggers(add: () => void): Runnable {
  return {
    name: 'triggers',
    start: () => {
      add();
      return Promise.resolve();
    },
  };
}

function repeated(name: string, intervalMs: number, action: () => void): Runnable {
  return {
    name,
    async start(signal) {
      for (;;) {
        await sleep(intervalMs, signal);
        if (signal.aborted) return;
        action();
      }
    },
  };
}
