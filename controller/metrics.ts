import { Gauge, type Registry } from 'prom-client';
import { findingKinds } from '../core/audit/types.ts';
import type { LeaderContext } from './context/leaderContext.ts';

/** Registers what is known of networks; computed when asked for, and only in the replica that leads. */
export function registerNetworkMetrics(registry: Registry, leading: () => LeaderContext | undefined): void {
  const registers = [registry];
  new Gauge({
    name: 'multinic_network_hosts',
    help: 'Hosts that have an index in the network.',
    labelNames: ['network'],
    registers,
    collect() {
      this.reset();
      const context = leading();
      if (!context) return;
      for (const network of context.view.networkNames()) this.set({ network }, context.view.hostIndexes(network).size);
    },
  });
  new Gauge({
    name: 'multinic_network_ready',
    help: 'Whether pods can use the network: 1, or 0 where its condition Ready says not or nothing.',
    labelNames: ['network'],
    registers,
    collect() {
      this.reset();
      for (const { metadata, status } of leading()?.informers.networks.list() ?? []) {
        const ready = status?.conditions?.find(({ type }) => type === 'Ready');
        this.set({ network: metadata.name }, ready?.status === 'True' ? 1 : 0);
      }
    },
  });
  new Gauge({
    name: 'multinic_network_addresses',
    help: 'Attachments that hold addresses (used), and that all nodes together have addresses for (capacity).',
    labelNames: ['network', 'kind'],
    registers,
    collect() {
      this.reset();
      const context = leading();
      if (!context) return;
      for (const { state } of context.view.networks()) {
        const { name, nodeIndependent } = state.network;
        const { used, capacity } = context.addresses.of(name, nodeIndependent);
        this.set({ network: name, kind: 'used' }, used);
        this.set({ network: name, kind: 'capacity' }, capacity);
      }
    },
  });
  new Gauge({
    name: 'multinic_audit_findings',
    help: 'Disagreements of pods, pools and interfaces in the last audit, by kind; kubectl multinic audit lists them.',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset();
      const report = leading()?.auditor.report;
      if (report) for (const kind of findingKinds) this.set({ kind }, report.counts[kind]);
    },
  });
  new Gauge({
    name: 'multinic_audit_findings_more',
    help: 'Disagreements that the last audit saw beyond the 1,000 that multinic_audit_findings counts.',
    registers,
    collect() {
      this.reset();
      const report = leading()?.auditor.report;
      if (report) this.set(report.more);
    },
  });
  new Gauge({
    name: 'multinic_audit_timestamp_seconds',
    help: 'When the last audit ended, in seconds since 1970.',
    registers,
    collect() {
      this.reset();
      const report = leading()?.auditor.report;
      if (report) this.set(report.endedAt.getTime() / 1000);
    },
  });
}
