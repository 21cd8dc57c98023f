import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeClient } from '../../kube/api/client.ts';
import { isNotFound } from '../../kube/api/errors.ts';
import {
  type MutatingWebhookConfiguration,
  mutatingWebhookConfigurations,
  type ValidatingWebhookConfiguration,
  validatingWebhookConfigurations,
} from '../../kube/api/resources.ts';

type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;

const file = join(import.meta.dirname, '../../manifests/base/webhook/configurations.yaml');

/** Where the API server finds the webhook in a test: on this machine, not behind a Service. */
export interface WebhookAddress {
  port: number;
  /** PEM of the authority that signed the serving certificate. */
  caCertificate: string;
}

/** The configurations of manifests/base, calling the given address. Everything else in them is as it is installed. */
export function webhookConfigurations({ port, caCertificate }: WebhookAddress): Configuration[] {
  const caBundle = Buffer.from(caCertificate).toString('base64');
  return parseAllDocuments(readFileSync(file, 'utf8')).map(document => {
    const configuration = document.toJS() as Configuration;
    for (const webhook of configuration.webhooks ?? []) {
      const { path = '' } = webhook.clientConfig.service ?? {};
      webhook.clientConfig = { url: `https://127.0.0.1:${port}${path}`, caBundle };
    }
    return configuration;
  });
}

/** Installs the configurations, in place of earlier ones. */
export async function installWebhooks(client: KubeClient, address: WebhookAddress): Promise<void> {
  await removeWebhooks(client);
  for (const configuration of webhookConfigurations(address)) {
    await client.create(resourceOf(configuration), configuration);
  }
}

export async function removeWebhooks(client: KubeClient): Promise<void> {
  for (const configuration of webhookConfigurations({ port: 0, caCertificate: '' })) {
    await client.delete(resourceOf(configuration), configuration.metadata).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
}

function resourceOf({ kind }: Configuration) {
  return kind === 'MutatingWebhookConfiguration' ? mutatingWebhookConfigurations : validatingWebhookConfigurations;
}
