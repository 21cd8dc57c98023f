import { confirmed } from '../../core/audit/audit.ts';
import type { AuditFinding, AuditRules } from '../../core/audit/types.ts';
import type { KubeClient } from '../api/client.ts';
import { sleep } from '../api/deadline.ts';
import { firstLook } from './firstLook.ts';
import { readFrame } from './frame.ts';
import { secondLook } from './secondLook.ts';

export interface ClusterAuditOptions {
  /** Milliseconds between the two readings, where the first finds something. */
  settleMs: number;
  /** See AuditRules. Default one minute each. */
  graceMs?: number;
  reservationMs?: number;
  /** Requests at the same time. Default 8. */
  concurrency?: number;
  /** Only findings that concern this network. Default: all. */
  network?: string | undefined;
  signal?: AbortSignal;
}

/** The result of an audit. */
export interface AuditResult {
  findings: AuditFinding[];
  /** How many disagreements were seen once, but neither checked a second time nor reported, as there were too many. */
  more: number;
}

/** Disagreements beyond this number are neither checked a second time nor reported until some of them are fixed. */
const mostFindings = 1000;

/**
 * Audits the cluster as the API server has it, node by node: only one of thousands of nodes is in memory at a time, and a few bytes an
 * address of the pods that are done. Whatever looks wrong is read a second time, and reported only if it is still wrong then: the
 * answers are not of one moment, and the first ones may come from the API server's cache.
 * @throws ApiError, TransportError
 */
export async function auditCluster(client: KubeClient, options: ClusterAuditOptions): Promise<AuditResult> {
  const { settleMs, graceMs = 60_000, reservationMs = 60_000, concurrency = 8, network, signal } = options;
  const rules = (): AuditRules => ({ now: client.serverTime, graceMs, reservationMs });
  const isMeant = (finding: AuditFinding): boolean =>
    network === undefined || finding.network.split(',').includes(network);
  const all = await firstLook(client, await readFrame(client, signal), rules(), { concurrency, signal });
  const first = all.filter(({ finding }) => isMeant(finding));
  if (first.length === 0) return { findings: [], more: 0 };
  await sleep(settleMs, signal);
  signal?.throwIfAborted();
  const frame = await readFrame(client, signal);
  const suspects = first.slice(0, mostFindings);
  const second = await secondLook(client, frame, suspects, { rules, concurrency, signal });
  const findings = confirmed(
    suspects.map(({ finding }) => finding),
    second.filter(isMeant),
  );
  return { findings, more: first.length - suspects.length };
}
