import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ErrorCode } from '../../core/errors.ts';
import type { Decision } from '../review/decision.ts';
import type { BodyBudget } from './bodyBudget.ts';
import type { Gate } from './gate.ts';
import type { AdmissionServer } from './server.ts';

/** One review that has been answered. */
export interface ReviewFacts {
  /** The reviewed kind, for example Pod. */
  kind: string;
  operation: string;
  result: Decision['result'] | 'failed';
  dryRun: boolean;
  seconds: number;
}

/** The metrics of the admission server. */
export interface AdmissionMetrics {
  answered(facts: ReviewFacts): void;
  /** @param code of the refusal; `broken` if the body did not arrive whole */
  unread(code: ErrorCode | 'broken'): void;
}

/** The kinds that an API server sends us reviews of. Whoever reaches the port may send others, each of which must not become a time series. */
const kinds = ['Pod', 'Binding', 'MultiNicNetwork', 'IPPool'];
const operations = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];

/** From reviews that find everything in memory to those that nearly use up the API server's patience. */
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Registers the metrics of reviews; what it returns counts them. */
export function admissionMetrics(
  registry: Registry,
  gate: Pick<Gate, 'running' | 'waiting'>,
  bodies: Pick<BodyBudget, 'held'>,
): AdmissionMetrics {
  const registers = [registry];
  loadMetrics(registers, gate, bodies);
  const duration = new Histogram({
    name: 'multinic_admission_duration_seconds',
    help: 'Time from a review being read to its answer, by kind, operation and result.',
    labelNames: ['kind', 'operation', 'result'],
    buckets,
    registers,
  });
  const requests = new Counter({
    name: 'multinic_admission_requests_total',
    help: 'Reviews answered, by kind, operation and result (allowed, denied, skipped; passed: too busy, another replica is asked; failed: answered without a decision).',
    labelNames: ['kind', 'operation', 'result', 'dry_run'],
    registers,
  });
  const unread = new Counter({
    name: 'multinic_admission_unread_total',
    help: 'Reviews that were refused before they were read, by error code (broken: the body did not come whole).',
    labelNames: ['code'],
    registers,
  });
  return {
    answered: ({ result, dryRun, seconds, ...asked }) => {
      const kind = knownOf(kinds, asked.kind);
      const operation = knownOf(operations, asked.operation);
      duration.observe({ kind, operation, result }, seconds);
      requests.inc({ kind, operation, result, dry_run: String(dryRun) });
    },
    unread: code => {
      unread.inc({ code });
    },
  };
}

function loadMetrics(
  registers: Registry[],
  gate: Pick<Gate, 'running' | 'waiting'>,
  bodies: Pick<BodyBudget, 'held'>,
): void {
  new Gauge({
    name: 'multinic_admission_in_flight',
    help: 'Reviews being worked on.',
    registers,
    collect() {
      this.set(gate.running);
    },
  });
  new Gauge({
    name: 'multinic_admission_queued',
    help: 'Reviews waiting for their turn.',
    registers,
    collect() {
      this.set(gate.waiting);
    },
  });
  new Gauge({
    name: 'multinic_admission_held_bytes',
    help: 'Bytes of the reviews that are being read, waiting or being worked on.',
    registers,
    collect() {
      this.set(bodies.held);
    },
  });
}

function knownOf(known: readonly string[], value: string): string {
  return known.includes(value) ? value : 'other';
}

/** Registers the metric of the certificate that is served. */
export function registerCertificateMetrics(registry: Registry, server: Pick<AdmissionServer, 'expiry'>): void {
  new Gauge({
    name: 'multinic_serving_certificate_expiry_timestamp_seconds',
    help: 'When the certificate that this replica serves expires, in seconds since 1970; absent before there is one.',
    registers: [registry],
    collect() {
      this.reset();
      if (server.expiry) this.set(server.expiry.getTime() / 1000);
    },
  });
}
