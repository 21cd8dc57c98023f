import type {
  CoreV1Event,
  V1CustomResourceDefinition,
  V1DaemonSet,
  V1Lease,
  V1MutatingWebhookConfiguration,
  V1Namespace,
  V1Node,
  V1Pod,
  V1ResourceQuota,
  V1Secret,
  V1ServiceAccount,
  V1ValidatingWebhookConfiguration,
} from '@kubernetes/client-node';
import type { Cidr, DeviceClass, HostInterface, IPPool, MultiNicNetwork } from '../../core/api/types.ts';
import type { NicClusterPolicy } from '../../core/sriov/mellanoxResources.ts';
import type { SriovNetwork, SriovNodePolicy } from '../../core/sriov/objects.ts';
import { ApiError } from './errors.ts';
import type { KubeObject, Resource, Stored } from './types.ts';

export type Pod = Stored<V1Pod>;
export type Node = Stored<V1Node>;
export type Namespace = Stored<V1Namespace>;
export type ResourceQuota = Stored<V1ResourceQuota>;
export type Secret = Stored<V1Secret>;
export type ServiceAccount = Stored<V1ServiceAccount>;
export type Event = Stored<CoreV1Event>;
export type Lease = Stored<V1Lease>;
export type DaemonSet = Stored<V1DaemonSet>;
export type CustomResourceDefinition = Stored<V1CustomResourceDefinition>;
export type MutatingWebhookConfiguration = Stored<V1MutatingWebhookConfiguration>;
export type ValidatingWebhookConfiguration = Stored<V1ValidatingWebhookConfiguration>;
/** multi-net-spec v1.3 §3.1: `config` is the CNI configuration as JSON text. */
export type NetworkAttachmentDefinition = KubeObject<{ config?: string }>;

function resource<T extends KubeObject>(groupVersion: string, kind: string, plural: string, scope: Scope): Resource<T> {
  const slash = groupVersion.indexOf('/');
  return Object.freeze({
    group: slash < 0 ? '' : groupVersion.slice(0, slash),
    version: groupVersion.slice(slash + 1),
    kind,
    plural,
    namespaced: scope === 'namespaced',
  });
}
type Scope = 'namespaced' | 'cluster';

const ours = 'multinic.fms.io/v1';
export const multiNicNetworks = resource<MultiNicNetwork>(ours, 'MultiNicNetwork', 'multinicnetworks', 'cluster');
export const hostInterfaces = resource<HostInterface>(ours, 'HostInterface', 'hostinterfaces', 'cluster');
export const cidrs = resource<Cidr>(ours, 'CIDR', 'cidrs', 'cluster');
export const ipPools = resource<IPPool>(ours, 'IPPool', 'ippools', 'cluster');
export const deviceClasses = resource<DeviceClass>(ours, 'DeviceClass', 'deviceclasses', 'cluster');

export const networkAttachmentDefinitions = resource<NetworkAttachmentDefinition>(
  'k8s.cni.cncf.io/v1',
  'NetworkAttachmentDefinition',
  'network-attachment-definitions',
  'namespaced',
);

const sriov = 'sriovnetwork.openshift.io/v1';
export const sriovNodePolicies = resource<SriovNodePolicy>(
  sriov,
  'SriovNetworkNodePolicy',
  'sriovnetworknodepolicies',
  'namespaced',
);
export const sriovNetworks = resource<SriovNetwork>(sriov, 'SriovNetwork', 'sriovnetworks', 'namespaced');
export const nicClusterPolicies = resource<NicClusterPolicy>(
  'mellanox.com/v1alpha1',
  'NicClusterPolicy',
  'nicclusterpolicies',
  'cluster',
);

export const pods = resource<Pod>('v1', 'Pod', 'pods', 'namespaced');
export const nodes = resource<Node>('v1', 'Node', 'nodes', 'cluster');
export const namespaces = resource<Namespace>('v1', 'Namespace', 'namespaces', 'cluster');
export const resourceQuotas = resource<ResourceQuota>('v1', 'ResourceQuota', 'resourcequotas', 'namespaced');
export const secrets = resource<Secret>('v1', 'Secret', 'secrets', 'namespaced');
export const serviceAccounts = resource<ServiceAccount>('v1', 'ServiceAccount', 'serviceaccounts', 'namespaced');
export const events = resource<Event>('v1', 'Event', 'events', 'namespaced');
export const daemonSets = resource<DaemonSet>('apps/v1', 'DaemonSet', 'daemonsets', 'namespaced');
export const leases = resource<Lease>('coordination.k8s.io/v1', 'Lease', 'leases', 'namespaced');
export const customResourceDefinitions = resource<CustomResourceDefinition>(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
  'cluster',
);

const admission = 'admissionregistration.k8s.io/v1';
export const mutatingWebhookConfigurations = resource<MutatingWebhookConfiguration>(
  admission,
  'MutatingWebhookConfiguration',
  'mutatingwebhookconfigurations',
  'cluster',
);
export const validatingWebhookConfigurations = resource<ValidatingWebhookConfiguration>(
  admission,
  'ValidatingWebhookConfiguration',
  'validatingwebhookconfigurations',
  'cluster',
);

/** `group/version`, or `version` alone in the core group: what an object's `apiVersion` says. */
export function apiVersionOf({ group, version }: Resource): string {
  return group ? `${group}/${version}` : version;
}

/**
 * The path of a resource's collection, of one object, or of an object's subresource.
 * @throws ApiError 404 for a name that no object can have
 */
export function pathOf(
  resource: Resource,
  ref: { name?: string; namespace?: string | undefined },
  subresource?: string,
): string {
  const base = resource.group ? `/apis/${resource.group}/${resource.version}` : `/api/${resource.version}`;
  const parts = [base];
  if (resource.namespaced && ref.namespace) parts.push('namespaces', segment(ref.namespace));
  parts.push(resource.plural);
  if (ref.name !== undefined) parts.push(segment(ref.name));
  if (subresource) parts.push(subresource);
  return parts.join('/');
}

/** The API server decodes a path before it splits it (apimachinery, IsValidPathSegmentName): a name must not lead elsewhere. */
function segment(name: string): string {
  if (!/^\.{1,2}$|[/%]/.test(name) && name.isWellFormed()) return encodeURIComponent(name);
  const message = `${JSON.stringify(name)} is not the name of an object`;
  throw new ApiError(404, { reason: 'NotFound', message }, 'not asked');
}
