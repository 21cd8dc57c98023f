import type { Registry } from 'prom-client';
import { Counter, Gauge, Histogram } from '../kube/report/prometheus.ts';
import type { CallObserver } from './cniServer/calls.ts';
import type { Programmed } from './routes/kernelRoutes.ts';

/** What the agent measures besides what every program does. */
export interface AgentMetrics {
  readonly calls: CallObserver;
  readonly routes: (pass: Programmed) => void;
}

/** Registers the agent's own metrics. @param attachments how many attachments there are now */
export function createAgentMetrics(registry: Registry, attachments: () => number): AgentMetrics {
  const registers = [registry];
  const duration = new Histogram({
    name: 'multinic_cni_duration_seconds',
    help: 'Time from a CNI call to its answer, by verb and CNI error code (0: success).',
    labelNames: ['command', 'code'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 90],
    registers,
  });
  const changes = new Counter({
    name: 'multinic_route_changes_total',
    help: 'Routes and rules added, replaced or deleted in the kernel.',
    registers,
  });
  const failures = new Gauge({
    name: 'multinic_route_failures',
    help: 'Routes and rules that the kernel refused in the last pass.',
    registers,
  });
  new Gauge({
    name: 'multinic_attachments',
    help: 'Attachments of sandboxes of this node.',
    registers,
    collect() {
      this.set(attachments());
    },
  });
  return {
    calls: {
      answered: (command, code, seconds) => {
        duration.observe({ command, code: String(code) }, seconds);
      },
    },
    routes: pass => {
      changes.inc(pass.changes);
      failures.set(pass.failures.length);
    },
  };
}
