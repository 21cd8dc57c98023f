/** Every name that users, the API server and other programs see. Nothing else spells them out. */

export const apiGroup = 'multinic.fms.io';
export const apiVersion = `${apiGroup}/v1`;

/** Labels. */
export const label = {
  /** On a namespace: `enabled` opts its pods in. On a pod: `disabled` opts it out. */
  injection: `${apiGroup}/injection`,
  /** On a pod: the mutating webhook has decided its networks. */
  injected: `${apiGroup}/injected`,
  /** On a HostInterface: the user owns it, the agent must not write it. Same key as the predecessor's. */
  unmanaged: 'multi-nic-unmanaged',
  /** On a NetworkAttachmentDefinition that the controller made. Same key as the predecessor's. */
  generated: 'multi-nic-cni-generated',
  /** On CIDR pages and IPPools: the network that they belong to. */
  network: `${apiGroup}/network`,
  /** On the IPPools of a network whose addresses do not depend on the node: the page's number. Nodes' pools have none. */
  page: `${apiGroup}/page`,
} as const;

/** Annotations. */
export const annotation = {
  /** Network selection (Kubernetes Network Plumbing Working Group, multi-net-spec v1.3 §3.2). */
  networks: 'k8s.v1.cni.cncf.io/networks',
  /** On a pod: the network that Multus takes in place of the cluster's own (Multus, docs/configuration.md). */
  defaultNetwork: 'v1.multus-cni.io/default-network',
  /** Status of each attachment, written by Multus or, without it, by our agent (multi-net-spec v1.3 §5). */
  networkStatus: 'k8s.v1.cni.cncf.io/network-status',
  /** On a NetworkAttachmentDefinition: the device plugin's resource whose devices the attachment takes (multi-net-spec v1.3 §3.1). */
  resourceName: 'k8s.v1.cni.cncf.io/resourceName',
  /** On a pod or namespace: comma-separated MultiNicNetworks, where `networks` does not say. */
  ourNetworks: `${apiGroup}/networks`,
  /** On a pod whose addresses were reserved before its UID was known: the reservation's id. */
  reservation: `${apiGroup}/reservation`,
  /** Beside the id of a reservation that was made before the pod came: a digest of the pod's name, so that a copy of its manifest is known for one. */
  reservationFor: `${apiGroup}/reservation-for`,
  /** On a pod: `true`: fewer NICs and less bandwidth than it asks for will do. */
  bestEffort: `${apiGroup}/best-effort`,
  /** On a pod whose interfaces are not as they were made: what its node's agent has found (see core/annotation/foundInterfaces.ts). */
  foundInterfaces: `${apiGroup}/found-interfaces`,
} as const;

/**
 * On the mirror of a static pod: the UID that the kubelet, and so the runtime, knows the pod by. The object has another one (kubelet
 * pkg/types/constants.go, ConfigMirrorAnnotationKey).
 */
export const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** The key in a selection element's `cni-args` that carries what admission decided (see core/annotation/attachments.ts). */
export const attachmentsKey = `${apiGroup}/attachments`;

/** The extended resource of one network: a node's capacity is its addresses left for pods, each attachment asks for one. */
export function extendedResourceName(network: string): string {
  return `${apiGroup}/${network}`;
}

/** The extended resource of a network's bandwidth: a node's capacity is what its NICs have, each attachment asks for its target, Mbit/s. */
export function bandwidthResourceName(network: string): string {
  return `mbps.${apiGroup}/${network}`;
}

/** The label of a Node that says how many NICs of a network are usable there. */
export function nicCountLabel(network: string): string {
  return `nics.${apiGroup}/${network}`;
}

/** Field manager and event component names. */
export const component = {
  webhook: 'multi-nic-webhook',
  controller: 'multi-nic-controller',
  agent: 'multi-nic-agent',
} as const;

/** Of the webhook's certificates. */
export const certificates = {
  /** The Secret with the serving certificate. */
  secret: 'multi-nic-webhook-tls',
  /** Common name of the authorities that the leader makes: by it their certificates are known in a caBundle. */
  authority: 'multi-nic-webhook-ca',
  /** Name of the Service, and of both webhook configurations. */
  service: 'multi-nic-webhook',
} as const;

/** Namespace that the system runs in by default. */
export const systemNamespace = 'multi-nic-system';

/** The CNI plugin type: name of the executable and of the network configuration's `type`. */
export const cniType = 'multi-nic';
