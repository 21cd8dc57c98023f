import { component } from '../core/api/names.ts';
import { KubeClient } from '../kube/api/client.ts';
import { runAll, terminationSignal } from '../kube/process/lifecycle.ts';
import { createLogger } from '../kube/process/log.ts';
import { HealthServer } from '../kube/report/healthServer.ts';
import { createMetrics } from '../kube/report/metrics.ts';
import { createController } from './controller.ts';

/**
 * The controller alone, for debugging and tests; in a cluster it runs in the webhook's process. Takes the connection that kubectl would,
 * $POD_NAMESPACE for the lease, and $METRICS_PORT (default any free one) for metrics and probes.
 */
const logger = createLogger(component.controller);
using termination = terminationSignal(logger);
await using client = await KubeClient.connect({ userAgent: component.controller });
const metrics = createMetrics();
const health = new HealthServer({
  port: Number(process.env.METRICS_PORT ?? 0),
  logger,
  registry: metrics.registry,
});
const { POD_NAMESPACE: namespace } = process.env;
const controller = createController({ client, logger, metrics, options: namespace ? { namespace } : {} });
await runAll(termination.signal, [health, controller], { logger });
