import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { component } from '../core/api/names.ts';
import { KubeClient } from '../kube/api/client.ts';
import { LeaderElector } from '../kube/leader/leaderElection.ts';
import { group, type Runnable } from '../kube/process/lifecycle.ts';
import { EventRecorder } from '../kube/report/events.ts';
import { registerRotationMetrics } from './certificates/metrics.ts';
import { type ControllerOptions, defaultTimes, lease } from './controllerOptions.ts';
import { createLeaderSession, type LeaderSession } from './leaderSession.ts';
import { registerAuditMetrics, registerNetworkMetrics, registerRegistrationMetrics } from './metrics.ts';

/** The controller as part of a process: it is a candidate, and whenever it leads it reconciles. */
export interface Controller extends Runnable {
  /** Whether this process leads. */
  readonly isLeader: boolean;
}

/** Makes the controller of one process. Nothing runs before start(). */
export function createController({ client, logger, metrics, options = {} }: ControllerOptions): Controller {
  const times = { ...defaultTimes, ...options.times };
  const events = new EventRecorder({ client, logger, component: component.controller, instance: hostname() });
  let session: LeaderSession | undefined;
  if (metrics) {
    registerNetworkMetrics(metrics.registry, () => session?.context);
    registerAuditMetrics(metrics.registry, () => session?.auditor.report);
    registerRegistrationMetrics(metrics.registry, () => session?.registration);
    registerRotationMetrics(metrics.registry, () => session?.certificates?.report);
  }
  // Its own connections: a lease that waits behind hundreds of reviews' calls is lost just when the API server is slow.
  const leaseClient = new KubeClient(client.connection, {
    userAgent: `${component.controller}/leader-election`,
    maxConnections: 2,
  });
  const elector = new LeaderElector({
    client: leaseClient,
    lease: { ...lease, namespace: options.namespace ?? lease.namespace },
    identity: `${hostname()}_${randomUUID()}`,
    logger,
    ...options.election,
    observer: metrics?.leadership,
    onStarted: async signal => {
      session = createLeaderSession({ client, logger, options, metrics }, events, times);
      try {
        await session.run(signal);
      } finally {
        session = undefined;
      }
    },
  });
  const parts = group('controller', [events, elector]);
  return {
    name: 'controller',
    start: signal => parts.start(signal).finally(() => leaseClient.close()),
    get isLeader() {
      return elector.isLeader;
    },
  };
}
