import { Counter, Gauge, type Registry } from 'prom-client';
import type { CertificateReport } from './certificateKeeper.ts';

/** Registers what is known of the certificates; computed when asked for, and only in the replica that leads. */
export function registerRotationMetrics(registry: Registry, leading: () => CertificateReport | undefined): void {
  const registers = [registry];
  new Gauge({
    name: 'multinic_certificate_expiry_timestamp_seconds',
    help: 'When the stored certificate (authority, leaf) expires, in seconds since 1970.',
    labelNames: ['certificate'],
    registers,
    collect() {
      this.reset();
      const { authorities: [authority] = [], leaf } = leading()?.stored ?? {};
      if (authority) this.set({ certificate: 'authority' }, authority.notAfter / 1000);
      if (leaf) this.set({ certificate: 'leaf' }, leaf.notAfter / 1000);
    },
  });
  new Gauge({
    name: 'multinic_certificate_state',
    help: '1 for what the leader does for the certificates now: a step, or waiting for renewal, propagation, overlap or the clock.',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      const report = leading();
      if (report) this.set({ state: report.state }, 1);
    },
  });
  new Counter({
    name: 'multinic_certificate_steps_total',
    help: 'Steps of rotations that this leader took.',
    labelNames: ['step'],
    registers,
    collect() {
      this.reset();
      for (const [step, { count }] of leading()?.steps ?? []) this.inc({ step }, count);
    },
  });
  new Gauge({
    name: 'multinic_certificate_step_timestamp_seconds',
    help: 'When this leader last took the step, in seconds since 1970.',
    labelNames: ['step'],
    registers,
    collect() {
      this.reset();
      for (const [step, { last }] of leading()?.steps ?? []) this.set({ step }, last.getTime() / 1000);
    },
  });
}
