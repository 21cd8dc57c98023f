import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority } from '../../certs/authority.ts';
import { Component } from '../cluster/component.ts';
import type { Cluster } from '../cluster/index.ts';
import { freePort } from '../cluster/ports.ts';
import { isReady } from './service.ts';
import type { WebhookAddress } from './webhookConfigurations.ts';

const main = join(import.meta.dirname, '../../webhook/main.ts');

export interface WebhookProcess {
  readonly webhook: Component;
  /** What the API server calls it with. */
  readonly address: WebhookAddress;
  /** Where it says whether it is ready. */
  readonly healthPort: number;
}

/**
 * Starts one webhook (with the controller) on this machine, with a certificate of an authority of its own.
 * @param kubeconfig of the account that it runs as
 * @param flags besides those of ports, certificate and account
 * @param name of its files, where there is more than one
 * @param nodeFlags of Node itself
 * @returns when it is ready
 */
export function startWebhookProcess(
  cluster: Cluster,
  kubeconfig: string,
  flags: readonly string[] = [],
  name = 'webhook',
  nodeFlags: readonly string[] = [],
): Promise<WebhookProcess> {
  return startAdmissionProcess(cluster, [...nodeFlags, main, `--kubeconfig=${kubeconfig}`, ...flags], name);
}

/**
 * The same for any program that answers reviews and takes the webhook's flags --port, --health-port, --cert and --key.
 * @param program what Node is started with
 */
export async function startAdmissionProcess(
  cluster: Cluster,
  program: readonly string[],
  name: string,
): Promise<WebhookProcess> {
  const validity = { now: new Date(), lifetimeMs: 24 * 3600 * 1000 };
  const authority = await createAuthority({ commonName: 'webhook authority' }, validity);
  const leaf = await authority.issue({ ...validity, subject: { commonName: 'webhook' }, serverNames: ['127.0.0.1'] });
  const [cert, key] = ['crt', 'key'].map(end => join(cluster.runFolder, `${name}.${end}`)) as [string, string];
  writeFileSync(cert, leaf.certificate);
  writeFileSync(key, leaf.privateKey, { mode: 0o600 });
  const [port, healthPort] = await Promise.all([freePort(), freePort()]);
  const own = [`--port=${port}`, `--health-port=${healthPort}`, `--cert=${cert}`, `--key=${key}`];
  const webhook = new Component({
    name,
    argv: [process.execPath, ...program, ...own],
    logFile: join(cluster.logs, `${name}.log`),
  });
  webhook.start();
  await webhook.waitUntil(() => isReady({ healthPort }), 60_000);
  return { webhook, address: { port, caCertificate: authority.certificate }, healthPort };
}
