import manifest from '../../package.json' with { type: 'json' };
import type { WorkQueueObserver } from '../process/workQueue.ts';
import type { ReflectorObserver } from '../watch/reflector.ts';
import { collectProcessMetrics, Counter, Gauge, Histogram, Registry } from './prometheus.ts';

/** One process's metrics, and the observers that informers, work queues and leader election take. */
export interface Metrics {
  /** Where a program registers its own metrics. */
  readonly registry: Registry;
  readonly informers: ReflectorObserver;
  readonly queues: WorkQueueObserver;
  readonly leadership: { leading(lease: string, leading: boolean): void };
}

/** A registry with what all our programs measure: their version, the Node process, informers, work queues, leadership. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectProcessMetrics(registry);
  new Gauge({
    name: 'multinic_build_info',
    help: '1, with the version of the program.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version: manifest.version }, 1);
  return {
    registry,
    informers: informerMetrics(registry),
    queues: queueMetrics(registry),
    leadership: leadershipMetrics(registry),
  };
}

function informerMetrics(registry: Registry): ReflectorObserver {
  const registers = [registry];
  const heardAt = new Map<string, number>();
  const lists = new Counter({
    name: 'multinic_informer_lists_total',
    help: 'Complete lists read from the API server; more than one means that a watch could not go on.',
    labelNames: ['informer'],
    registers,
  });
  const objects = new Gauge({
    name: 'multinic_informer_listed_objects',
    help: 'Objects in the last complete list.',
    labelNames: ['informer'],
    registers,
  });
  const watchEnds = new Counter({
    name: 'multinic_informer_watch_ends_total',
    help: 'Watches that ended, by reason: end (in order), gone, inactive, connection, timeout, or an HTTP status.',
    labelNames: ['informer', 'reason'],
    registers,
  });
  const events = new Counter({
    name: 'multinic_informer_events_total',
    help: 'Watch events received.',
    labelNames: ['informer', 'type'],
    registers,
  });
  new Gauge({
    name: 'multinic_informer_silent_seconds',
    help: 'Time since the API server was last heard; bookmarks come about once a minute where anything changes.',
    labelNames: ['informer'],
    registers,
    collect() {
      const now = performance.now();
      for (const [informer, at] of heardAt) this.set({ informer }, (now - at) / 1000);
    },
  });
  return {
    listed: (informer, count) => {
      heardAt.set(informer, performance.now());
      lists.inc({ informer });
      objects.set({ informer }, count);
    },
    watchEnded: (informer, reason) => {
      watchEnds.inc({ informer, reason });
    },
    event: (informer, type) => {
      heardAt.set(informer, performance.now());
      events.inc({ informer, type });
    },
  };
}

function queueMetrics(registry: Registry): WorkQueueObserver {
  const registers = [registry];
  const depth = new Gauge({
    name: 'multinic_workqueue_depth',
    help: 'Keys that wait to be worked on.',
    labelNames: ['queue'],
    registers,
  });
  const duration = new Histogram({
    name: 'multinic_workqueue_work_seconds',
    help: 'Time that working on one key took.',
    labelNames: ['queue', 'outcome'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
    registers,
  });
  return {
    depth: (queue, keys) => {
      depth.set({ queue }, keys);
    },
    handled: (queue, outcome, seconds) => {
      duration.observe({ queue, outcome }, seconds);
    },
  };
}

function leadershipMetrics(registry: Registry): Metrics['leadership'] {
  const leader = new Gauge({
    name: 'multinic_leader',
    help: 'Whether this process leads: 1 or 0.',
    labelNames: ['lease'],
    registers: [registry],
  });
  return {
    leading: (lease, leading) => {
      leader.set({ lease }, leading ? 1 : 0);
    },
  };
}
