import type { KubeClient } from '../api/client.ts';
import { type Lease, leases } from '../api/resources.ts';
import type { ObjectRef } from '../api/types.ts';

/** A Lease as a lock: each write carries the resourceVersion that it is based on, so one of two candidates gets a conflict. */
export interface LeaseLock {
  /** The stored lease, undefined where there is none. */
  read(timeoutMs: number, signal?: AbortSignal): Promise<Lease | undefined>;
  /** Makes `identity` its holder; `previous` is what was read, undefined where there was none. */
  take(previous: Lease | undefined, timeoutMs: number, signal: AbortSignal): Promise<Lease>;
  /** Renews it for its holder. */
  renew(held: Lease, timeoutMs: number, signal: AbortSignal): Promise<Lease>;
  /** Gives it up, so that the next holder need not wait until it expires. */
  release(held: Lease, timeoutMs: number): Promise<void>;
}

/** The lock of that name, for one candidate. */
export function leaseLock(client: KubeClient, ref: ObjectRef, identity: string, leaseDurationMs: number): LeaseLock {
  const leaseDurationSeconds = Math.ceil(leaseDurationMs / 1000);
  return {
    read: (timeoutMs, signal) => client.find(leases, ref, { timeoutMs, signal }),
    take: (previous, timeoutMs, signal) => {
      const now = microTime();
      const spec = {
        holderIdentity: identity,
        leaseDurationSeconds,
        acquireTime: now,
        renewTime: now,
        leaseTransitions: previous ? (previous.spec?.leaseTransitions ?? 0) + 1 : 0,
      };
      return previous
        ? client.update(leases, { ...previous, spec }, { timeoutMs, signal })
        : client.create(leases, { metadata: { ...ref }, spec }, { timeoutMs, signal });
    },
    renew: (held, timeoutMs, signal) =>
      client.update(leases, { ...held, spec: { ...held.spec, renewTime: microTime() } }, { timeoutMs, signal }),
    release: async (held, timeoutMs) => {
      // As client-go does: no holder, and a duration of one second, the least that the API allows.
      const spec = { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime() };
      await client.update(leases, { ...held, spec }, { timeoutMs });
    },
  };
}

/** The present time as a meta/v1 MicroTime: RFC 3339 with microseconds. */
export function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
