import { label } from '../api/names.ts';
import type { ApiObject, ObjectMeta, OwnerReference, PluginSpec } from '../api/types.ts';
import { defined } from '../defined.ts';
import { linkStates, pluginArgs } from '../delegate/pluginArgs.ts';
import { existingResource, ownResource } from '../network/deviceResource.ts';
import { givesAddresses, hostDeviceIpam, type Ipam, multiConfigIpam, multiNicIpam } from '../network/ipam.ts';
import type { Network } from '../network/network.ts';

/** Where the SR-IOV network operator reads its objects; the predecessor knew this one only. */
export const sriovNamespace = 'openshift-sriov-network-operator';

const apiVersion = 'sriovnetwork.openshift.io/v1';

/** What we set of a SriovNetworkNodePolicy: which NICs get virtual functions, and the resource that these are. */
export interface SriovNodePolicySpec {
  resourceName: string;
  nodeSelector: Record<string, string>;
  nicSelector: { rootDevices: string[] };
  deviceType: 'netdevice';
  numVfs: number;
  priority?: number;
  mtu?: number;
  isRdma?: boolean;
  needVhostNet?: boolean;
}

/** What we set of a SriovNetwork: the operator makes a NetworkAttachmentDefinition of its own from it. */
export interface SriovNetworkSpec {
  resourceName: string;
  vlan?: number;
  vlanQoS?: number;
  minTxRate?: number;
  maxTxRate?: number;
  spoofChk?: 'on' | 'off';
  trust?: 'on' | 'off';
  linkState?: (typeof linkStates)[number];
  ipam?: string;
}

export type SriovNodePolicy = ApiObject<SriovNodePolicySpec>;
export type SriovNetwork = ApiObject<SriovNetworkSpec>;

/** Every field that is ours: one that is not wanted any more is taken away, all others are left as they are. */
export const policyFields = [
  'resourceName',
  'nodeSelector',
  'nicSelector',
  'deviceType',
  'numVfs',
  'priority',
  'mtu',
  'isRdma',
  'needVhostNet',
] as const;
/** As policyFields, of a SriovNetwork. */
export const networkFields = [
  'resourceName',
  'vlan',
  'vlanQoS',
  'minTxRate',
  'maxTxRate',
  'spoofChk',
  'trust',
  'ipam',
] as const;
/** Those of a SriovNetwork that others may set where the network does not say them: taken away where only we have set them. */
export const sharedNetworkFields = ['linkState'] as const;

type Sriov = Pick<Network, 'name' | 'ipam' | 'spec'>;

/** The name of the network's SriovNetwork; its own name would give the operator's definition the name of ours. */
export function sriovNetworkName(network: string): string {
  return `${network}-net`;
}

/** The inverse of sriovNetworkName. */
export function networkOfSriovNetwork(name: string): string {
  return name.replace(/-net$/, '');
}

/** Whether the network needs virtual functions made: it is of type sriov and names no resource that exists. */
export function makesDevices({ spec: { plugin } }: Pick<Network, 'spec'>): boolean {
  return plugin.type === 'sriov' && existingResource(plugin) === undefined;
}

/**
 * The policy that makes the network's virtual functions; undefined where it needs none, or without PCI addresses: a policy that selects by
 * nothing would take every NIC. NICs are selected by address as the predecessor did, because vendor and device would take NICs of the same
 * model that are not members.
 */
export function sriovPolicyOf(
  { name, spec }: Sriov,
  owner: OwnerReference,
  devices: readonly string[],
): SriovNodePolicy | undefined {
  if (!makesDevices({ spec }) || devices.length === 0) return undefined;
  const { args = {} } = spec.plugin;
  return {
    apiVersion,
    kind: 'SriovNetworkNodePolicy',
    metadata: metadataOf(name, name, owner),
    spec: {
      resourceName: ownResource(name),
      nodeSelector: { 'feature.node.kubernetes.io/network-sriov.capable': 'true' },
      nicSelector: { rootDevices: [...devices] },
      deviceType: 'netdevice',
      numVfs: numberOf(args.numVfs) ?? 1,
      ...defined({ priority: numberOf(args.priority), mtu: numberOf(args.mtu) }),
      ...(args.isRdma === 'true' && { isRdma: true }),
      ...(args.needVhostNet === 'true' && { needVhostNet: true }),
    },
  };
}

/** The network's SriovNetwork; undefined for any other type. */
export function sriovNetworkOf(network: Sriov, owner: OwnerReference): SriovNetwork | undefined {
  const { plugin } = network.spec;
  if (plugin.type !== 'sriov') return undefined;
  const args = sriovArgs(plugin);
  return {
    apiVersion,
    kind: 'SriovNetwork',
    metadata: metadataOf(network.name, sriovNetworkName(network.name), owner),
    spec: {
      // The operator puts its own prefix before it.
      resourceName: existingResource(plugin)?.replace(/^.*\//, '') ?? ownResource(network.name),
      ...args,
      ...(isPluginsOwn(network.ipam) && { ipam: network.spec.ipam ?? '' }),
    },
  };
}

function sriovArgs(plugin: PluginSpec): Omit<SriovNetworkSpec, 'resourceName' | 'ipam'> {
  const args = pluginArgs('sriov', plugin.args);
  const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
  const onOff = (value: unknown): 'on' | 'off' | undefined => (value === 'on' || value === 'off' ? value : undefined);
  return defined({
    vlan: number(args.vlan),
    vlanQoS: number(args.vlanQoS),
    minTxRate: number(args.min_tx_rate),
    maxTxRate: number(args.max_tx_rate),
    spoofChk: onOff(args.spoofchk),
    trust: onOff(args.trust),
    linkState: linkStates.find(state => state === args.link_state),
  });
}

/** Kinds that only this system serves are of no use to the operator's definition. */
function isPluginsOwn(ipam: Ipam): boolean {
  return givesAddresses(ipam) && ![multiNicIpam, multiConfigIpam, hostDeviceIpam].includes(ipam.type);
}

function metadataOf(network: string, name: string, owner: OwnerReference): ObjectMeta {
  return { name, namespace: sriovNamespace, labels: { [label.network]: network }, ownerReferences: [owner] };
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
