import type { Logger } from 'pino';
import { countKinds } from '../../core/audit/audit.ts';
import type { FindingKind } from '../../core/audit/types.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { sleep } from '../../kube/api/deadline.ts';
import { auditCluster } from '../../kube/audit/clusterAudit.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';

/** The result of the last audit. */
export interface AuditReport {
  counts: Record<FindingKind, number>;
  /** Disagreements beyond those that are counted: see AuditResult. */
  more: number;
  endedAt: Date;
}

export interface AuditorOptions {
  client: KubeClient;
  logger: Logger;
  /** Between two audits, and before the first, in milliseconds. */
  intervalMs: number;
  /** How long a reservation may wait for its pod, in milliseconds. */
  reservationMs: number;
}

/** Requests at the same time: the same process answers reviews. */
const concurrency = 2;
/** Between an audit's two looks. */
const settleMs = 5_000;
/** Agents sweep once a minute: what three sweeps have left over is worth reporting. */
const graceMs = 180_000;
/** Number of findings that are logged one by one. */
const mostTold = 50;

/** Audits the cluster again and again; findings are logged, and counted for the metrics. */
export class Auditor implements Runnable {
  readonly name = 'auditor';
  readonly #options: AuditorOptions;
  #report: AuditReport | undefined;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** Of the last completed audit; undefined before the first. */
  get report(): AuditReport | undefined {
    return this.#report;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { intervalMs, logger } = this.#options;
    for (;;) {
      await sleep(intervalMs, signal);
      if (signal.aborted) return;
      await this.#audit(signal).catch((error: unknown) => {
        if (!signal.aborted) logger.warn({ err: error }, 'the audit ended early, to be tried again');
      });
    }
  }

  async #audit(signal: AbortSignal): Promise<void> {
    const { client, logger, intervalMs, reservationMs } = this.#options;
    const pauseMs = Math.min(settleMs, intervalMs);
    const options = { settleMs: pauseMs, graceMs, reservationMs, concurrency, signal };
    const { findings, more } = await auditCluster(client, options);
    const counts = countKinds(findings);
    this.#report = { counts, more, endedAt: new Date() };
    for (const finding of findings.slice(0, mostTold))
      logger.warn(finding, 'audit: pods, pools and interfaces disagree');
    logger.info({ findings: findings.length, ...counts, more }, 'audited; kubectl multinic audit lists the findings');
  }
}
