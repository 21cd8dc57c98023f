import { Gauge, type Registry } from 'prom-client';

/** A gauge whose values follow from what the leader knows. */
export interface LeaderGauge<Known> {
  name: string;
  help: string;
  labelNames?: string[];
  /** Its values, each with its labels. */
  samples: (known: Known) => Iterable<readonly [labels: Record<string, string>, value: number]>;
}

/**
 * Makes a function that registers gauges. They are computed when Prometheus asks, and have values only in the replica that leads.
 * @param known what the leader knows; undefined in any other replica
 */
export function leaderGauges<Known>(
  registry: Registry,
  known: () => Known | undefined,
): (gauge: LeaderGauge<Known>) => void {
  return ({ samples, ...options }) => {
    new Gauge({
      ...options,
      registers: [registry],
      collect() {
        this.reset();
        const now = known();
        if (now === undefined) return;
        for (const [labels, value] of samples(now)) this.set(labels, value);
      },
    });
  };
}
