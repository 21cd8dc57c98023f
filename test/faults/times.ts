/** How long the API server works on a request; after that no pod comes of it. */
export const requestTimeoutS = 10;

/** What an audit at a scenario's end may find under way: nothing. */
export const auditTimes = { settleMs: 1000, graceMs: 0, reservationMs: 0 };

export const controllerTimes = {
  sweepIntervalMs: 1_000,
  reservationMs: 12_000,
  recordGraceMs: 12_000,
};

export const election = { leaseDurationMs: 4_000, renewDeadlineMs: 3_000, retryPeriodMs: 500 };

/** What a replica's process is started with, as JSON. */
export interface ReplicaArgs {
  kubeconfig: string;
  port: number;
  healthPort: number;
  certificate: { cert: string; key: string };
}
