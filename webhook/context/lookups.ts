import { label } from '../../core/api/names.ts';
import type { DeviceClass } from '../../core/api/types.ts';
import { MultiNicError } from '../../core/errors.ts';
import { isOurs } from '../../core/nad/netAttachDef.ts';
import { appliesTo } from '../../core/network/network.ts';
import { isNotFound } from '../../kube/api/errors.ts';
import { deviceClasses, multiNicNetworks, namespaces, networkAttachmentDefinitions } from '../../kube/api/resources.ts';
import type { CallBudget } from '../review/call.ts';
import type { ReviewContext } from './reviewContext.ts';

/**
 * The namespace's labels and annotations. From memory if they opt it in; else read from the API server, which called us because it
 * sees the label: our copy may lag behind one that has just been set.
 */
export async function namespaceFacts(
  { client, namespaces: informer }: ReviewContext,
  name: string,
  budget: CallBudget,
): Promise<{ labels: Record<string, string>; annotations: Record<string, string> }> {
  const known = informer.get(name);
  const isIn = known?.metadata.labels?.[label.injection] === 'enabled';
  const namespace = isIn ? known : await client.find(namespaces, { name }, { timeoutMs: budget.remainingMs() });
  return { labels: namespace?.metadata.labels ?? {}, annotations: namespace?.metadata.annotations ?? {} };
}

/** The DeviceClass of that name; if it is not in memory, it is read from the API server. */
export async function findClass(
  { client, deviceClasses: informer }: ReviewContext,
  name: string,
  budget: CallBudget,
): Promise<DeviceClass | undefined> {
  return informer.get(name) ?? client.find(deviceClasses, { name }, { timeoutMs: budget.remainingMs() });
}

/** A few networks tell as much as all. */
const networksRead = 100;

/** What a name stands for, according to the API server, that no MultiNicNetwork in memory has which applies to the namespace. */
export async function whatIs(
  { client }: Pick<ReviewContext, 'client'>,
  ref: { namespace: string; name: string },
  budget: CallBudget,
): Promise<'NetworkAttachmentDefinition' | 'MultiNicNetwork' | undefined> {
  const options = { timeoutMs: budget.remainingMs() };
  const [network, definition] = await Promise.all([
    client.find(multiNicNetworks, { name: ref.name }, options),
    client.find(networkAttachmentDefinitions, ref, options),
  ]);
  if (network && appliesTo(network.spec, ref.namespace)) return 'MultiNicNetwork';
  return definition && !isOurs(definition, ref.name) ? 'NetworkAttachmentDefinition' : undefined;
}

/**
 * Asks the API server whether there is really no network for a namespace, where none at all is in memory: somebody may have deleted the
 * CustomResourceDefinitions and applied them again, and a copy learns of that half a minute later. Pods would run without their NICs, and nobody would know.
 * @throws MultiNicError MNN_NOT_INSTALLED, MNN_NETWORK_NOT_READY
 */
export async function checkNoNetwork(
  { client }: Pick<ReviewContext, 'client'>,
  namespace: string,
  budget: CallBudget,
): Promise<void> {
  const stored = await client
    .listSome(multiNicNetworks, networksRead, { timeoutMs: budget.remainingMs() })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
      throw new MultiNicError('MNN_NOT_INSTALLED', 'the API server serves no MultiNicNetworks any more');
    });
  const found = stored.find(
    ({ metadata, spec }) => metadata.deletionTimestamp === undefined && appliesTo(spec, namespace),
  );
  if (!found) return;
  throw new MultiNicError('MNN_NETWORK_NOT_READY', `network ${found.metadata.name} was created only just now`);
}
