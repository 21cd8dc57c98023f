import type { Logger } from 'pino';
import type { DeviceClass } from '../../core/api/types.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { EventRecorder } from '../../kube/report/events.ts';
import type { HostProfiles } from '../../kube/view/hostProfiles.ts';
import { headOf } from '../../kube/watch/head.ts';
import type { Informer } from '../../kube/watch/informer.ts';
import type { PoolStore } from '../../kube/pools/poolStore.ts';
import {
  deviceClasses,
  multiNicNetworks,
  namespaces,
  networkAttachmentDefinitions,
  pods,
  type Namespace,
  type Pod,
} from '../../kube/api/resources.ts';
import type { CallBudget } from '../review/call.ts';
import type { Reservations } from './reservations.ts';
import { label } from '../../core/api/names.ts';
import { isInjected } from '../review/pod.ts';
import type { Quotas } from './quotas.ts';
import type { ReleasePatience } from './releasePatience.ts';

/** What reviews need of the cluster. */
export interface ReviewContext {
  client: KubeClient;
  view: ClusterView;
  store: PoolStore;
  namespaces: Informer<Namespace>;
  deviceClasses: Informer<DeviceClass>;
  /** What the nodes have of each network. */
  profiles: HostProfiles;
  quotas: Quotas;
  /** Shared by all reviews: how many wait is counted over all of them. */
  releases: ReleasePatience;
  reservations: Reservations;
  events: Pick<EventRecorder, 'record'>;
  /** Injected pods that have no node yet. */
  unassignedPods: Informer<Pod>;
  logger: Logger;
}

/**
 * The namespace's labels and annotations. From memory where they opt it in; else asked of the API server, which called us because it
 * thinks so: our copy may lag behind a label that has just been set.
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

/** The DeviceClass of that name; one that is not in memory is asked of the API server. */
export async function findClass(
  { client, deviceClasses: informer }: ReviewContext,
  name: string,
  budget: CallBudget,
): Promise<DeviceClass | undefined> {
  return informer.get(name) ?? client.find(deviceClasses, { name }, { timeoutMs: budget.remainingMs() });
}

/** What a name means that no MultiNicNetwork in memory has: asked of the API server. */
export async function whatIs(
  { client }: ReviewContext,
  ref: { namespace: string; name: string },
  budget: CallBudget,
): Promise<'NetworkAttachmentDefinition' | 'MultiNicNetwork' | undefined> {
  const options = { timeoutMs: budget.remainingMs() };
  const [network, definition] = await Promise.all([
    client.find(multiNicNetworks, { name: ref.name }, options),
    client.find(networkAttachmentDefinitions, ref, options),
  ]);
  if (network) return 'MultiNicNetwork';
  return definition && 'NetworkAttachmentDefinition';
}

/** Characters of a pod's labels and annotations up to which they are kept: most pods have a tenth. */
const mostKept = 32_768;

/**
 * What is kept of a pod that has no node yet: its annotations, labels and UID are all that is looked at when it is bound. Of one that has very much
 * of them only that it is there, and it is asked for when it is bound: some thousand of those would fill all replicas' memory.
 */
export function trimUnassigned(pod: Pod): Pod {
  const { labels, annotations } = pod.metadata;
  const isLarge = JSON.stringify([labels, annotations]).length > mostKept;
  return isLarge ? headOf(pod) : headOf(pod, 'labels', 'annotations');
}

/** The pod that is being bound; from memory where it is there and is the one meant. Undefined where it does not exist. */
export async function unassignedPod(
  { client, unassignedPods }: ReviewContext,
  ref: { namespace: string; name: string; uid: string | undefined },
  budget: CallBudget,
): Promise<Pod | undefined> {
  const known = unassignedPods.get(ref);
  if (known && isInjected(known.metadata.labels) && (ref.uid === undefined || known.metadata.uid === ref.uid)) {
    return known;
  }
  return client.find(pods, ref, { timeoutMs: budget.remainingMs() });
}
