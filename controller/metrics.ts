import type { Registry } from 'prom-client';
import { findingKinds } from '../core/audit/types.ts';
import type { AuditReport } from './context/auditor.ts';
import type { LeaderContext } from './context/leaderContext.ts';
import { leaderGauges } from './leaderGauges.ts';
import type { Registration } from './registration/registration.ts';

/** Registers what the leader knows of networks. */
export function registerNetworkMetrics(registry: Registry, leading: () => LeaderContext | undefined): void {
  const gauge = leaderGauges(registry, leading);
  gauge({
    name: 'multinic_network_hosts',
    help: 'Hosts that have an index in the network.',
    labelNames: ['network'],
    samples: ({ view }) => view.networkNames().map(network => [{ network }, view.hostIndexes(network).size]),
  });
  gauge({
    name: 'multinic_network_ready',
    help: 'Whether pods can use the network: 1, or 0 if its condition Ready is not True.',
    labelNames: ['network'],
    samples: ({ informers }) =>
      Array.from(informers.networks.list(), ({ metadata, status }) => {
        const ready = status?.conditions?.find(({ type }) => type === 'Ready');
        return [{ network: metadata.name }, ready?.status === 'True' ? 1 : 0];
      }),
  });
  gauge({
    name: 'multinic_network_addresses',
    help: 'Attachments that hold addresses (used), and that all nodes together have addresses for (capacity).',
    labelNames: ['network', 'kind'],
    samples: ({ view, addresses }) =>
      view.networks().flatMap(({ state: { network } }) => {
        const { used, capacity } = addresses.of(network);
        return [
          [{ network: network.name, kind: 'used' }, used] as const,
          [{ network: network.name, kind: 'capacity' }, capacity] as const,
        ];
      }),
  });
}

/** Registers the results of the leader's last audit. */
export function registerAuditMetrics(registry: Registry, leading: () => AuditReport | undefined): void {
  const gauge = leaderGauges(registry, leading);
  gauge({
    name: 'multinic_audit_findings',
    help: 'Disagreements of pods, pools and interfaces in the last audit, by kind; kubectl multinic audit lists them.',
    labelNames: ['kind'],
    samples: ({ counts }) => findingKinds.map(kind => [{ kind }, counts[kind]]),
  });
  gauge({
    name: 'multinic_audit_findings_more',
    help: 'Disagreements that the last audit saw beyond the 1,000 that multinic_audit_findings counts.',
    samples: ({ more }) => [[{}, more]],
  });
  gauge({
    name: 'multinic_audit_timestamp_seconds',
    help: 'When the last audit ended, in seconds since 1970.',
    samples: ({ endedAt }) => [[{}, endedAt.getTime() / 1000]],
  });
}

/** Registers whether the API server asks the webhooks. */
export function registerRegistrationMetrics(registry: Registry, leading: () => Registration | undefined): void {
  const gauge = leaderGauges(registry, leading);
  gauge({
    name: 'multinic_webhook_registered',
    help: 'Whether there is a webhook configuration of this kind, and the API server asks the webhooks as it should: 1 or 0.',
    labelNames: ['kind'],
    samples: ({ state }) => Array.from(state, ([kind, fault]) => [{ kind }, fault === '' ? 1 : 0] as const),
  });
}
