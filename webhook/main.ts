import { createController } from '../controller/controller.ts';
import { component } from '../core/api/names.ts';
import { KubeClient } from '../kube/client.ts';
import { HealthServer } from '../kube/healthServer.ts';
import { runAll, terminationSignal } from '../kube/lifecycle.ts';
import { createLogger } from '../kube/log.ts';
import { createMetrics } from '../kube/metrics.ts';
import { help, parseFlags, type Flags } from './flags.ts';
import { createWebhook } from './webhook.ts';

async function serve(flags: Flags): Promise<void> {
  const logger = createLogger(component.webhook);
  using termination = terminationSignal(logger);
  const { kubeconfig } = flags;
  await using client = await KubeClient.connect({ userAgent: component.webhook, ...(kubeconfig && { kubeconfig }) });
  const metrics = createMetrics();
  const webhook = createWebhook({
    client,
    logger,
    registry: metrics.registry,
    informerObserver: metrics.informers,
    port: flags.port,
    certificate: { cert: flags.cert, key: flags.key },
    drainMs: flags.drainMs,
    limits: { concurrency: flags.concurrency, queue: flags.queue },
    systemUsers: flags.systemUsers,
  });
  const health = new HealthServer({
    port: flags.healthPort,
    logger,
    registry: metrics.registry,
    ready: webhook.ready,
  });
  const controller = createController({ client, log: logger, metrics, options: { namespace: flags.namespace } });
  const parts = [health, ...webhook.runnables, ...(flags.controller ? [controller] : [])];
  await runAll(termination.signal, parts, { logger });
}

function readFlags(): Flags | undefined {
  try {
    const flags = parseFlags(process.argv.slice(2));
    if (!flags) process.stdout.write(help);
    return flags;
  } catch (error) {
    process.stderr.write(`multi-nic-webhook: ${error instanceof Error ? error.message : String(error)}\n\n${help}`);
    process.exitCode = 2;
    return undefined;
  }
}

const flags = readFlags();
if (flags) await serve(flags);
