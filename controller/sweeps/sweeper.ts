import { sleep } from '../../kube/api/deadline.ts';
import { FirstSeen } from '../../kube/process/firstSeen.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { sweepOrphans } from './orphans.ts';
import { sweepReservations } from './reservations.ts';
import { createSurplusSweep } from './surplus.ts';

export interface SweeperOptions {
  /** Between two sweeps, in milliseconds. */
  intervalMs: number;
  /** How long a reservation may wait for its pod, in milliseconds. */
  reservationMs: number;
  /** How long an attachment may have two records, in milliseconds. */
  surplusMs: number;
}

/** Looks for what nobody owns any more, again and again. An error ends the sweep of one kind, and never frees anything. */
export function createSweeper(context: LeaderContext, options: SweeperOptions): Runnable {
  const { intervalMs, reservationMs, surplusMs } = options;
  const seen = new FirstSeen();
  const sweeps: Record<string, (signal: AbortSignal) => Promise<void>> = {
    orphans: signal => sweepOrphans(context, signal),
    reservations: signal => sweepReservations(context, { timeoutMs: reservationMs, seen }, signal),
    surplus: createSurplusSweep(context, { graceMs: surplusMs, seen: new FirstSeen() }),
  };
  return {
    name: 'sweeper',
    async start(signal) {
      while (!signal.aborted) {
        for (const [name, sweep] of Object.entries(sweeps)) {
          await sweep(signal).catch((error: unknown) => {
            if (!signal.aborted)
              context.logger.warn({ err: error, sweep: name }, 'a sweep ended early, to be tried again');
          });
        }
        await sleep(intervalMs, signal);
      }
    },
  };
}
