import registerLag from 'prom-client/lib/metrics/eventLoopLag.js';
import type { KeyAndCertificate } from '../certs/authority.ts';
import { authorityFile, type Follow, keyPairFiles } from '../certs/reload.ts';
import type { CertificateOptions } from '../controller/certificates/options.ts';
import { createController } from '../controller/controller.ts';
import { certificates, component } from '../core/api/names.ts';
import { KubeClient } from '../kube/api/client.ts';
import { runProgram } from '../kube/process/commandLine.ts';
import { runAll, terminationSignal } from '../kube/process/lifecycle.ts';
import { createLogger, logStart } from '../kube/process/log.ts';
import { HealthServer } from '../kube/report/healthServer.ts';
import { createMetrics } from '../kube/report/metrics.ts';
import { certificateSecret, type CertificateSecretOptions } from './certificateSecret.ts';
import { type Flags, help, parseFlags } from './flags.ts';
import type { ClientPolicy } from './server/server.ts';
import { createWebhook } from './webhook.ts';

async function serve(flags: Flags): Promise<void> {
  const logger = createLogger(component.webhook);
  logStart(logger);
  using termination = terminationSignal(logger);
  const { kubeconfig, namespace } = flags;
  await using client = await KubeClient.connect({ userAgent: component.webhook, kubeconfig });
  const metrics = createMetrics();
  registerLag(metrics.registry);
  const webhook = createWebhook({
    client,
    logger,
    registry: metrics.registry,
    informerObserver: metrics.informers,
    port: flags.port,
    certificate: servingCertificate(flags, { client, logger, observer: metrics.informers }),
    clients: flags.clients && clientsOf(flags.clients),
    drainMs: flags.drainMs,
    limits: flags.limits,
    systemUsers: flags.systemUsers,
  });
  const health = new HealthServer({
    port: flags.healthPort,
    logger,
    registry: metrics.registry,
    ready: webhook.ready,
  });
  const options = { namespace, certificates: certificatesOf(flags) };
  const controller = createController({ client, logger, metrics, options });
  const parts = [health, ...webhook.runnables, ...(flags.controller ? [controller] : [])];
  await runAll(termination.signal, parts, { logger });
}

function servingCertificate(
  { certificate, namespace }: Flags,
  parts: Omit<CertificateSecretOptions, 'secret'>,
): Follow<KeyAndCertificate> {
  if (!('secret' in certificate)) return keyPairFiles(certificate);
  return certificateSecret({ ...parts, secret: { namespace, name: certificate.secret } });
}

function certificatesOf({ certificate, rotation, namespace }: Flags): CertificateOptions | undefined {
  if (!rotation || !('secret' in certificate)) return undefined;
  const secret = { namespace, name: certificate.secret };
  return { ...rotation, secret, configurations: certificates.service };
}

function clientsOf({ authorityFile: path, names }: NonNullable<Flags['clients']>): ClientPolicy {
  return { authority: authorityFile(path), names };
}

await runProgram({ name: component.webhook, help, see: 'docs/reference/webhook.md', parseFlags }, serve);
