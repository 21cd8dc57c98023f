/** The objects of multinic.fms.io/v1, as stored. manifests/base/crds has their schemas. */

export interface ObjectMeta {
  name: string;
  namespace?: string;
  generateName?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  /** What the API server keeps of who set which field; a list of one empty entry gives it up. */
  managedFields?: { manager?: string; time?: string; fieldsV1?: Record<string, unknown> }[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ApiObject<Spec, Status = never> {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec: Spec;
  status?: Status;
}

/** meta/v1 Condition. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  lastTransitionTime: string;
  observedGeneration?: number;
}

export type AttachStrategy = 'none' | 'costOpt' | 'perfOpt' | 'devClass' | 'topology';

export interface MultiNicNetworkSpec {
  /** Cluster-wide pod subnet, or one of each family with a comma between; empty: blocks come from the host subnets. */
  subnet?: string;
  /** Host subnets whose NICs are members, in the order of the pod's interfaces; empty: every discovered one. */
  masterNets?: string[];
  /** JSON text, see core/network/ipam.ts; none: pods get interfaces without addresses. */
  ipam?: string;
  multiNICIPAM?: boolean;
  plugin: PluginSpec;
  attachPolicy?: { strategy: AttachStrategy | ''; target?: string };
  /** False: nothing of the network is published for the scheduler. Default true. */
  schedulerResources?: boolean;
  /** Namespaces that the network applies to; empty: all. */
  namespaces?: string[];
}

export interface PluginSpec {
  cniVersion: string;
  type: string;
  args?: Record<string, string>;
  capabilities?: Record<string, boolean>;
  dns?: { nameservers?: string[]; domain?: string; search?: string[]; options?: string[] };
  /** Plugins that are called for each NIC after it is attached, in this order. */
  chain?: ChainedPlugin[];
}

/** A plugin that changes an interface which others have made. */
export type ChainedPlugin = Pick<PluginSpec, 'type' | 'args' | 'capabilities'>;

export type ConfigStatus = '' | 'WaitForConfig' | 'Success' | 'Failed';
export type RouteStatus = '' | 'N/A' | 'WaitForRoutes' | 'Unknown' | 'Success' | 'Failed';

export interface MultiNicNetworkStatus {
  /** One entry per host subnet: how many hosts have a NIC in it. */
  computeResults: { netAddress: string; numOfHosts: number }[];
  discovery: { existDaemon: number; infoAvailable: number; cidrProcessed: number };
  configStatus: ConfigStatus;
  routeStatus: RouteStatus;
  message: string;
  lastSyncTime: string;
  observedGeneration?: number;
  conditions?: Condition[];
  /** Interface indexes: which host subnet, and the n-th NIC (from 0) that a host has in it. Reassigned where none is left, once nothing is behind it. */
  interfaces?: InterfaceIndex[];
  /** Absent where another IPAM plugin gives the addresses, or nobody. */
  addresses?: AddressCounts;
  /** Extended resources of the devices that pods take; absent where no device plugin hands out the NICs. */
  deviceResources?: string[];
}

/** Attachments of a network: those that hold addresses, and those that all nodes together have addresses for. */
export interface AddressCounts {
  used: number;
  capacity: number;
}

export interface InterfaceIndex {
  index: number;
  netAddress: string;
  ordinal: number;
  /** When it was first seen that no host has such a NIC any more; absent while one has. */
  goneSince?: string;
}

export type MultiNicNetwork = ApiObject<MultiNicNetworkSpec, MultiNicNetworkStatus>;

export interface HostNic {
  interfaceName: string;
  /** Its other names on the host (`ip link property add … altname`), without those made of its hardware address. */
  altNames?: string[];
  /** First address's network, for example 172.20.1.0/24. */
  netAddress?: string;
  hostIP?: string;
  vendor?: string;
  product?: string;
  pciAddress?: string;
  mac?: string;
  mtu?: number;
  speedMbps?: number;
  numaNode?: number;
  driver?: string;
  linkState?: 'up' | 'down';
  rdma?: string;
  sriov?: { totalVfs: number; numVfs: number };
  /** All addresses where there is more than the first, or another family. */
  addresses?: { netAddress: string; hostIP: string }[];
}

export interface HostInterfaceSpec {
  hostName: string;
  interfaces: HostNic[];
}

export interface HostInterfaceStatus {
  conditions?: Condition[];
}

export type HostInterface = ApiObject<HostInterfaceSpec, HostInterfaceStatus>;

/** One page of 64 host indexes of one network: page p holds the indexes 64p … 64p+63. */
export interface CidrSpec {
  network: string;
  page: number;
  hosts: { hostName: string; hostIndex: number }[];
}

export type Cidr = ApiObject<CidrSpec>;

export interface IPPoolSpec {
  network: string;
  /** The node whose blocks these are; absent in a page of a node-independent network. */
  hostName?: string;
  /** The page of a node-independent network, from 0: see core/pool/pages.ts. */
  page?: number;
  /** For the reader: the block of each NIC when the pool was made. Everything computed comes from the network's layout. */
  blocks: string[];
}

export type AllocationState = 'Reserved' | 'Allocated' | 'Released';

/** One attachment (one element of a pod's network selection) and its addresses. */
export interface Allocation {
  /** Empty while reserved at the pod's creation, before its UID is known. */
  podUID: string;
  /** Identifies a reservation made at the pod's creation. */
  reservation?: string;
  namespace: string;
  /** Pod name; its generateName while the name is not known. */
  name: string;
  /** CNI_IFNAME of the attachment, for example net1. */
  interface: string;
  nics: AllocatedNic[];
  state: AllocationState;
  /** RFC 3339: when the state was entered. */
  since: string;
}

export interface AllocatedNic {
  /** The host's NIC; absent while the node is not known. */
  master?: string;
  netAddress: string;
  /** One address a family, with the vlanCIDR's prefix length. */
  addresses: string[];
  /** Bandwidth of the host's NIC that the attachment was promised, Mbit/s; absent: none. */
  promisedMbps?: number;
}

/** As core/pool/content.ts reads and writes it. */
export interface IPPoolStatus {
  /** Records of the form that core/pool/record.ts gives them. Absent only where the API server has another schema. */
  allocations?: string[];
  /** Next-fit: a block and the address last taken from it, with a space between. */
  cursors?: string[];
  /** For printer columns. */
  used?: number;
  capacity?: number;
}

export type IPPool = ApiObject<IPPoolSpec, IPPoolStatus>;

export interface DeviceClassSpec {
  ids: { vendor: string; products: string[] }[];
}

export type DeviceClass = ApiObject<DeviceClassSpec>;
