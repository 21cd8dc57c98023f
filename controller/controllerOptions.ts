import type { Logger } from 'pino';
import { systemNamespace } from '../core/api/names.ts';
import type { KubeClient } from '../kube/api/client.ts';
import type { Metrics } from '../kube/report/metrics.ts';
import type { CertificateOptions } from './certificates/options.ts';

/** All in milliseconds. */
export interface ControllerTimes {
  /** How long reconciling for a new or changed host waits for more of them. */
  batchMs: number;
  /** A network's status is written at most once in this time, except for changes that agents wait for. */
  statusIntervalMs: number;
  /** How long nobody else gets the host index of a host that is gone: longer than it takes until a watch that has died silently is noticed. */
  hostIndexRestMs: number;
  /** How long an interface index is kept after the last host has lost its NIC, even if none is left for others. */
  interfaceAbsenceMs: number;
  sweepIntervalMs: number;
  /** Between two audits. */
  auditIntervalMs: number;
  /** How long a reservation may wait for its pod. */
  reservationMs: number;
  /** How long a record is left alone if its pod was never seen: it is written before the pod, which may take the API server a minute. */
  recordGraceMs: number;
  /** How often to ask whether a cluster without a resource of Multus or of an operator has it now. */
  definitionRecheckMs: number;
  /** How long a webhook configuration may be missing before that is told. */
  unregisteredMs: number;
  /** How often everything is reconciled again, whether or not anything changed. */
  resyncMs: number;
}

export const defaultTimes: ControllerTimes = {
  batchMs: 300,
  statusIntervalMs: 5_000,
  hostIndexRestMs: 5 * 60_000,
  interfaceAbsenceMs: 10 * 60_000,
  sweepIntervalMs: 15_000,
  auditIntervalMs: 10 * 60_000,
  reservationMs: 60_000,
  recordGraceMs: 90_000,
  definitionRecheckMs: 30_000,
  unregisteredMs: 60_000,
  resyncMs: 10 * 60_000,
};

export interface ControllerOptions {
  client: KubeClient;
  logger: Logger;
  metrics?: Metrics | undefined;
  options?: {
    /** Where the lease is. Default: multi-nic-system. */
    namespace?: string | undefined;
    times?: Partial<ControllerTimes>;
    /** How the leader keeps the webhook's certificates. Absent: others do. */
    certificates?: CertificateOptions | undefined;
    /** Of the lease, in milliseconds; default 15,000, 10,000 and 2,000. */
    election?: { leaseDurationMs: number; renewDeadlineMs: number; retryPeriodMs: number };
  };
}

/** The lease that the replicas elect their leader by. */
export const lease = { namespace: systemNamespace, name: 'multi-nic-controller' };
