/** One replica of the webhook with the controller: as webhook/main.ts, but it gives up what nobody claims within seconds, not minutes. */
import { keyPairFiles } from '../../certs/reload.ts';
import { createController } from '../../controller/controller.ts';
import { component, systemNamespace } from '../../core/api/names.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { runAll, terminationSignal } from '../../kube/process/lifecycle.ts';
import { createLogger } from '../../kube/process/log.ts';
import { HealthServer } from '../../kube/report/healthServer.ts';
import { createMetrics } from '../../kube/report/metrics.ts';
import { createWebhook } from '../../webhook/webhook.ts';
import { controllerTimes, election, type ReplicaArgs } from './times.ts';

const args = JSON.parse(process.argv[2] ?? '') as ReplicaArgs;
const logger = createLogger(component.webhook);
using termination = terminationSignal(logger);
await using client = await KubeClient.connect({ userAgent: component.webhook, kubeconfig: args.kubeconfig });
const metrics = createMetrics();
const webhook = createWebhook({
  client,
  logger,
  registry: metrics.registry,
  informerObserver: metrics.informers,
  port: args.port,
  certificate: keyPairFiles(args.certificate),
  drainMs: 0,
  systemUsers: new Set(),
});
const health = new HealthServer({
  port: args.healthPort,
  logger,
  registry: metrics.registry,
  ready: webhook.ready,
});
const controller = createController({
  client,
  logger,
  metrics,
  options: { namespace: systemNamespace, times: controllerTimes, election },
});
await runAll(termination.signal, [health, ...webhook.runnables, controller], { logger });
