import { Counter, type Registry } from 'prom-client';
import { leaderGauges } from '../leaderGauges.ts';
import type { CertificateReport } from './certificateKeeper.ts';

/** Registers what the leader knows of the certificates. */
export function registerRotationMetrics(registry: Registry, leading: () => CertificateReport | undefined): void {
  const gauge = leaderGauges(registry, leading);
  gauge({
    name: 'multinic_certificate_expiry_timestamp_seconds',
    help: 'When the stored certificate (authority, leaf) expires, in seconds since 1970.',
    labelNames: ['certificate'],
    samples: ({ stored: { authorities, leaf } }) => {
      const [authority] = authorities;
      const stored = Object.entries({ authority, leaf });
      return stored.flatMap(([certificate, one]) => (one ? [[{ certificate }, one.notAfter / 1000] as const] : []));
    },
  });
  gauge({
    name: 'multinic_certificate_state',
    help: '1 for what the leader does for the certificates now: a step, or waiting for renewal, propagation, overlap or the clock.',
    labelNames: ['state'],
    samples: ({ state }) => [[{ state }, 1]],
  });
  new Counter({
    name: 'multinic_certificate_steps_total',
    help: 'Steps of rotations that this leader took.',
    labelNames: ['step'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [step, { count }] of leading()?.steps ?? []) this.inc({ step }, count);
    },
  });
  gauge({
    name: 'multinic_certificate_step_timestamp_seconds',
    help: 'When this leader last took the step, in seconds since 1970.',
    labelNames: ['step'],
    samples: ({ steps }) => Array.from(steps, ([step, { last }]) => [{ step }, last.getTime() / 1000]),
  });
}
