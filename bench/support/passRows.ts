import type { Goal, Reporter } from '../frame.ts';
import type { Asked, Pass } from './passes.ts';
import { median, percentile } from './samples.ts';

/** A kind of request of a pass. */
export type Verb = 'create' | 'bind';

/** All of them, and what they do to pods. */
export const verbs = [['create', 'created'] as const, ['bind', 'bound'] as const];

/** What the baselines of a pass are. */
export const baselines = { alone: 'no webhooks', noop: 'webhooks that decide nothing' } as const;

/** Requests a second, the median of passes. */
export function rateOf(passes: readonly Pass[], verb: Verb): number {
  return median(passes.map(taken => taken[verb].rate));
}

/** A percentile of latencies, ms, the median of passes. */
export function latencyOf(passes: readonly Pass[], verb: Verb, p: number): number {
  return median(passes.map(taken => percentile(taken[verb].latencies, p)));
}

/**
 * Reports pods created and bound a second beside both baselines, and latencies beside those without webhooks.
 * @param goal of the rates, against no webhooks
 */
export function reportPasses(
  name: string,
  { ours, noop, alone }: Readonly<Record<Asked, readonly Pass[]>>,
  report: Reporter,
  goal?: Goal,
): void {
  for (const [verb, word] of verbs) {
    const rate = { value: rateOf(ours, verb), unit: '/s' };
    report(`${name}: pods ${word}`, {
      ...{ ...rate, baseline: rateOf(alone, verb), against: baselines.alone },
      ...(goal && { goal }),
    });
    report(`${name}: pods ${word}, decisions only`, {
      ...{ ...rate, baseline: rateOf(noop, verb), against: baselines.noop },
    });
    for (const p of [50, 99]) {
      report(`${name}: p${p} of a ${verb}`, {
        ...{ value: latencyOf(ours, verb, p), unit: 'ms', baseline: latencyOf(alone, verb, p) },
        against: baselines.alone,
      });
    }
  }
}
