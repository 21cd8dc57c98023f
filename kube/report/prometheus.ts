/**
 * prom-client without the extras that its index loads (OpenTelemetry, a push gateway, cluster support), which cost every agent 10 MiB of
 * memory.
 */
import type { Registry as AnyRegistry } from 'prom-client';
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Histogram from 'prom-client/lib/histogram.js';
import registerHeap from 'prom-client/lib/metrics/heapSizeAndUsed.js';
import registerMemory from 'prom-client/lib/metrics/osMemoryHeap.js';
import registerFiles from 'prom-client/lib/metrics/processOpenFileDescriptors.js';
import registerStart from 'prom-client/lib/metrics/processStartTime.js';
import registerVersion from 'prom-client/lib/metrics/version.js';
import Registry from 'prom-client/lib/registry.js';

export { Counter, Gauge, Histogram, Registry };

/**
 * Metrics of the process itself, under the names that Prometheus' client libraries share. Not the event loop's lag: measuring that wakes the
 * process a hundred times a second.
 */
export function collectProcessMetrics(registry: AnyRegistry): void {
  const all = [registerStart, registerMemory, registerHeap, registerFiles, registerVersion];
  for (const register of all) register(registry);
  const name = 'process_cpu_seconds_total';
  new Counter({
    name,
    help: 'Total user and system CPU time spent in seconds.',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}
