import type { Registry } from 'prom-client';
import type { HostNic } from '../core/api/types.ts';
import { Counter, Gauge, Histogram } from '../kube/report/prometheus.ts';
import type { CallObserver } from './cniServer/calls.ts';
import type { ConditionState } from './discovery/hostInterfaceWriter.ts';
import type { NicRound } from './probe/connectivityProbe.ts';
import type { Programmed } from './routes/kernelRoutes.ts';

/** The agent's own metrics, in addition to those of every program. */
export interface AgentMetrics {
  readonly calls: CallObserver;
  readonly routes: (pass: Programmed) => void;
  readonly settings: (conditions: readonly Pick<ConditionState, 'type' | 'status'>[]) => void;
  readonly nics: (nics: readonly HostNic[]) => void;
  readonly probe: (round: readonly NicRound[]) => void;
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
    settings: settingMetrics(registers),
    nics: nicMetrics(registers),
    probe: probeMetrics(registers),
  };
}

function settingMetrics(registers: Registry[]): AgentMetrics['settings'] {
  const right = new Gauge({
    name: 'multinic_host_setting_right',
    help: 'Whether a setting of the host lets through what pods need, by the condition of its HostInterface: 1 or 0.',
    labelNames: ['condition'],
    registers,
  });
  return conditions => {
    for (const { type: condition, status } of conditions) right.set({ condition }, Number(status === 'True'));
  };
}

function nicMetrics(registers: Registry[]): AgentMetrics['nics'] {
  const up = new Gauge({
    name: 'multinic_nic_up',
    help: 'Whether the link of a NIC that the node offers is up: 1 or 0.',
    labelNames: ['nic'],
    registers,
  });
  return nics => {
    up.reset();
    for (const { interfaceName: nic, linkState } of nics) up.set({ nic }, Number(linkState !== 'down'));
  };
}

function probeMetrics(registers: Registry[]): AgentMetrics['probe'] {
  const requests = new Counter({
    name: 'multinic_probe_requests_total',
    help: 'Echo requests to the same NIC of other hosts, by the NIC that they left by.',
    labelNames: ['nic', 'subnet'],
    registers,
  });
  const answers = new Counter({
    name: 'multinic_probe_answers_total',
    help: 'Echo requests that were answered in time.',
    labelNames: ['nic', 'subnet'],
    registers,
  });
  const roundTrip = new Gauge({
    name: 'multinic_probe_round_trip_seconds',
    help: 'Shortest time from an echo request to its answer in the last round; absent where there was none.',
    labelNames: ['nic', 'subnet'],
    registers,
  });
  const reachable = new Gauge({
    name: 'multinic_nic_reachable',
    help: 'Whether other hosts answer over the NIC: 1, or 0 after three rounds without any answer; absent until it is known, and if there is no host to ask.',
    labelNames: ['nic', 'subnet'],
    registers,
  });
  return round => {
    // NICs come and go.
    roundTrip.reset();
    reachable.reset();
    for (const { probed, requests: asked, roundTrips, state } of round) {
      const labels = { nic: probed.nic, subnet: probed.subnet };
      requests.inc(labels, asked);
      answers.inc(labels, roundTrips.length);
      if (roundTrips.length > 0) roundTrip.set(labels, Math.min(...roundTrips));
      if (state.reachable !== undefined) reachable.set(labels, Number(state.reachable));
    }
  };
}
