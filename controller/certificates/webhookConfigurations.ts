import { type BundledCertificate, formatBundle, readBundle } from '../../certs/bundle.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import {
  type MutatingWebhookConfiguration,
  mutatingWebhookConfigurations,
  type ValidatingWebhookConfiguration,
  validatingWebhookConfigurations,
} from '../../kube/api/resources.ts';
import type { Resource } from '../../kube/api/types.ts';

export type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;

/** Everything that holds a caBundle for our certificates. */
export const configurationResources: readonly Resource<Configuration>[] = [
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
];

/** A webhook configuration, with what the caBundle of each of its webhooks has, in their order. */
export interface TrustingConfiguration {
  resource: Resource<Configuration>;
  object: Configuration;
  bundles: readonly (readonly BundledCertificate[])[];
}

/** The stored configurations of that name; where there are none, none. @throws ApiError or TransportError */
export async function readConfigurations(
  client: KubeClient,
  name: string,
  signal: AbortSignal,
): Promise<TrustingConfiguration[]> {
  const found = await Promise.all(
    configurationResources.map(async resource => {
      const object = await client.find(resource, { name }, { signal });
      if (!object) return [];
      const bundles = (object.webhooks ?? []).map(({ clientConfig: { caBundle = '' } }) =>
        readBundle(Buffer.from(caBundle, 'base64').toString()),
      );
      return [{ resource, object, bundles }];
    }),
  );
  return found.flat();
}

/**
 * Writes the caBundles that a change concerns, and nothing else of the configuration.
 * @returns whether it had to write
 * @throws ApiError a conflict where somebody has written since it was read
 */
export async function changeBundles(
  client: KubeClient,
  { resource, object, bundles }: TrustingConfiguration,
  change: (bundle: readonly BundledCertificate[]) => readonly BundledCertificate[],
  signal: AbortSignal,
): Promise<boolean> {
  const operations = bundles.flatMap((bundle, i) => {
    const before = formatBundle(bundle);
    const after = formatBundle(change(bundle));
    const value = Buffer.from(after).toString('base64');
    return after === before ? [] : [{ op: 'add', path: `/webhooks/${i}/clientConfig/caBundle`, value }];
  });
  if (operations.length === 0) return false;
  // A version that is not the stored one is a conflict: the webhooks may be others by now.
  const version = { op: 'replace', path: '/metadata/resourceVersion', value: object.metadata.resourceVersion };
  await client.patch(resource, { name: object.metadata.name }, 'json', [version, ...operations], { signal });
  return true;
}
