/**
 * The one table of errors. Every refusal, CNI error and warning of the project carries a code from here; docs/reference/errors.md
 * is checked against it. A message says what was wrong and where; `fix` says what to do about it.
 */
const table = {
  /** Address arithmetic and layout. */
  MNN_CIDR_INVALID: 'Write an IPv4 or IPv6 network as address/prefix, for example 10.200.0.0/16 or fd00:10::/48.',
  MNN_ADDRESS_INVALID:
    'Write an IPv4 address in four decimal parts or an IPv6 address without a zone, for example 10.200.0.5.',

  /** MultiNicNetwork specification. */
  MNN_IPAM_SYNTAX:
    'Correct the JSON text at that place; `kubectl apply --dry-run=server` checks it without storing anything.',
  MNN_IPAM_INVALID: 'Correct the value at that place; docs/reference/network.md lists the keys of spec.ipam.',
  MNN_SUBNET_INVALID: 'Give at most one IPv4 and one IPv6 network, separated by a comma, or leave spec.subnet empty.',
  MNN_SUBNET_HOST_BITS: 'The network is meant without the bits behind its prefix; write it so to be clear.',
  MNN_MASTER_NETS: 'List each host subnet once, in the order that the interfaces of a pod shall have.',
  MNN_CAPACITY: 'Choose a wider subnet, or fewer interfaceBlock or hostBlock bits.',
  MNN_EXCLUDE_INVALID: 'List networks or addresses inside spec.subnet that leave something to give out.',
  MNN_ROUTE_INVALID: 'Give every route a destination network and, if any, a gateway of the same family.',
  MNN_MODE_CONFLICT: 'Make spec.ipam.vlanMode, spec.plugin.args.mode and the plugin type say the same.',
  MNN_IPAM_FLAG: 'multiNICIPAM follows from ipam.type: true with multi-nic-ipam, absent with a single-NIC IPAM plugin.',
  MNN_PLUGIN_INVALID: 'Correct the plugin section; docs/reference/network.md lists types and their args.',
  MNN_STRATEGY_UNKNOWN: 'Use one of none, costOpt, perfOpt, devClass, topology.',
  MNN_STRATEGY_UNUSED:
    "Leave the strategy out; the kubelet's Topology Manager puts a pod's devices near each other, if it is told to.",
  MNN_TARGET_INVALID: 'Write the bandwidth as a number with Gbps, Mbps or Kbps, for example 100Gbps.',
  MNN_NAME_INVALID:
    'Use a DNS-1123 label of at most 63 characters: it names a NetworkAttachmentDefinition and an extended resource.',
  MNN_FINALIZER:
    'Take it out of the manifest, and off the network unless the multi-nic-cni operator still runs: kubectl patch mnn <name> --type=merge -p \'{"metadata":{"finalizers":null}}\'.',
  MNN_NAMESPACE_UNKNOWN:
    'Create the namespace, or take it off spec.namespaces; the network applies there once it exists.',
  MNN_OVERLAP:
    'Choose a subnet that no other network and no host uses; networks without a subnet are kept apart by masterNets or excludeCIDRs.',
  MNN_IN_USE: 'Delete the pods that use the network first, or make a second network with the new layout.',
  MNN_CLASS_UNKNOWN:
    'Create the DeviceClass, or name one that exists: kubectl get deviceclasses.multinic.fms.io (short: mndc).',
  MNN_NO_MEMBERS: 'Check spec.masterNets against the nodes: kubectl get hostinterfaces.',
  MNN_NIC_CONFLICT:
    'Give both networks one plugin type and mode, or masterNets that keep them apart, or run their pods on different nodes.',

  /** What pods ask for. */
  MNN_NETWORKS_ANNOTATION_INVALID:
    'Correct the annotation k8s.v1.cni.cncf.io/networks: a JSON list, or [namespace/]name[@interface] with commas between.',
  MNN_CNI_ARGS_INVALID:
    'Correct cni-args in the annotation k8s.v1.cni.cncf.io/networks; docs/reference/annotations.md lists its keys.',
  MNN_INTERFACE_NAME:
    'Choose an interface name that is not used twice and leaves room for "-<n>" within 15 characters.',
  MNN_NETWORK_UNKNOWN: 'Name an existing network: kubectl get multinicnetworks (short: mnn).',
  MNN_NETWORK_NOT_ALLOWED: "Add the pod's namespace to the network's spec.namespaces, or use another network.",
  MNN_NETWORK_NOT_READY:
    'The controller gives the node its address block within seconds; if not, see kubectl describe mnn.',
  MNN_NODE_NOT_READY:
    "The node's agent tells its NICs within seconds of its start; if not, see its log: kubectl -n multi-nic-system get pods -o wide.",
  MNN_NO_NODE_FITS: 'Ask for fewer or other NICs, or check what the nodes have: kubectl get hostinterfaces.',
  MNN_NODE_LACKS: 'Choose another node, or check its NICs: kubectl describe hostinterface <node>.',
  MNN_POOL_FULL: 'Free addresses by deleting pods, or use a network with a wider subnet or fewer hostBlock bits.',
  MNN_POOL_UNREADABLE:
    'Somebody has edited the pool: put the record back into its form, or delete the record if its pod is gone: kubectl edit --subresource=status ippool.',
  MNN_ADDRESS_TAKEN:
    'Ask for another address, or none to get the next free one. Where the pod asked for none, delete it or the pod that is named.',
  MNN_ADDRESS_OUTSIDE: "Ask for an address inside a node's block of the network: kubectl get ippools.",
  MNN_ANNOTATIONS_TOO_LARGE:
    'Take annotations off the pod: Kubernetes allows 262144 bytes of keys and values in total.',
  MNN_ATTACHMENTS_CHANGED:
    'Leave multinic.fms.io/attachments as it is; delete and re-create the pod to get other NICs.',
  MNN_NOT_INJECTED:
    'Create the pod again once the webhook is up (kubectl -n multi-nic-system get pods), and let no other mutating webhook take off what it wrote.',

  /** The webhook and its API server. */
  MNN_REVIEW_INVALID: 'Send an admission.k8s.io/v1 AdmissionReview with a request.',
  MNN_BODY_TOO_LARGE: 'Send at most 7 MiB, which is more than the API server stores.',
  MNN_DEADLINE: 'Try again: the API server or the pool was busy for longer than the call may take.',
  MNN_OVERLOADED: 'Try again: the webhook is serving as many requests as it can.',

  /** Certificates of the webhook. */
  MNN_CERT_UNUSABLE:
    'Put a PEM certificate and its own key there; delete a Secret that the leader keeps, and it makes it anew: docs/guides/certificates.md.',
  MNN_CERT_KEPT_BY_OTHERS:
    'Start every replica with --no-manage-certs, or let nobody else write the Secret: docs/guides/certificates.md.',
  MNN_CERT_NOT_KEPT:
    "See the API server's words; the account needs the rights of manifests/base/webhook/rbac.yaml. It is tried again until it works.",

  /** The CNI executable and its agent. */
  MNN_AGENT_AWAY:
    'Look at the multi-nic agent of this node: is its pod running and ready, and is its socket folder mounted from the host?',
  MNN_CNI_BY_HAND:
    'Container runtimes call this program with CNI_COMMAND and a network configuration on stdin; see its --help.',
  MNN_CNI_COMMAND: 'Set CNI_COMMAND to ADD, CHECK, DEL, GC, STATUS or VERSION.',
  MNN_CNI_STDIN: 'Give the network configuration (JSON, UTF-8, at most 4 MiB) on stdin.',
  MNN_CNI_ENVIRONMENT: 'Call the executable with the variables of the CNI specification, section 2 "Parameters".',
  MNN_CNI_VERSION: 'Write one of the supported versions as cniVersion; the verb VERSION lists them.',
  MNN_CNI_CONFIG:
    'Correct the network configuration; the controller generates one for each MultiNicNetwork and namespace.',
  MNN_CNI_NETNS: "Call with the path of a network namespace that exists and is not the host's own.",
  MNN_CNI_DEADLINE: 'The runtime calls again; see the log of the multi-nic agent on this node for what took so long.',
  MNN_POD_UNKNOWN: 'The runtime must name an existing pod of this node in CNI_ARGS (K8S_POD_NAMESPACE, K8S_POD_NAME).',
  MNN_POD_ENDING:
    'There is nothing to do: a pod that ends gets no more interfaces, as its addresses may be free by now.',
  MNN_DELEGATE_MISSING:
    "Install the plugin into the node's CNI folder, where the agent looks as well (--cni-path), or correct spec.plugin.type or spec.ipam.",
  MNN_DELEGATE_FAILED:
    "See the plugin's own words, its log on this node, and the plugin's arguments in the MultiNicNetwork.",
  MNN_GATEWAY_UNREACHABLE: "Name a gateway in the subnet of one of the attachment's NICs, or leave default-route out.",
  MNN_CHECKPOINT:
    "Make room in, or mend, the agent's state folder on this node (--state-dir); the runtime calls again.",
  MNN_DEVICE_MISSING:
    "Request the device plugin's resource in the pod (resources.requests), and see that the device plugin runs on the node.",
  MNN_KUBELET_DEVICES:
    'See that the kubelet of this node is well, and that the agent has its folders device-plugins and pod-resources mounted; the runtime calls again.',
  MNN_NO_ADDRESSES: "Leave it out of the pod's selection, or give the network an IPAM plugin (spec.ipam).",
  MNN_IPS_DIFFER: 'Delete and re-create the pod to get other addresses than those that it holds.',
  MNN_MAC_MANY: 'Ask for a hardware address only with one NIC (cni-args nics: 1).',
  MNN_MAC_SHARED: 'Leave the hardware address out, or select a network of another type, such as macvlan.',
  MNN_INTERFACE_EXISTS: "Choose another interface name in the pod's network selection, or let the other plugin go.",
  MNN_ATTACH_FAILED:
    "See the kernel's words; what was made before has been taken away again, and the runtime will call again.",
  MNN_ATTACHMENT_CHANGED: 'Delete the pod: something else changed its interfaces, addresses or routes.',
  MNN_AGENT_NOT_READY: 'The agent is still reading its objects from the API server; the runtime calls again.',
  MNN_WIRE_INVALID:
    'Install the CNI executable and the agent from the same release; the agent installs its own when it starts.',

  /** kubectl multinic import. */
  MNN_NOT_IMPORTED:
    'Import it, or delete it if no pod has its addresses; docs/guides/coming-from-multi-nic-cni.md says how.',
  MNN_IMPORT_UNREADABLE:
    "Save the operator's objects while its own CustomResourceDefinitions are in place; applied again, they show what they hid: kubectl get cidrs.multinic.fms.io,ippools.multinic.fms.io,hostinterfaces.multinic.fms.io -o yaml.",
  MNN_IMPORT_CRDS: 'Apply the CustomResourceDefinitions of this system first: kubectl apply -f manifests/base/crds.',
  MNN_IMPORT_BLOCK:
    "Delete the pod before the move and create it after; or, where the network was edited since, give it the subnet and blocks of the operator's CIDR again.",
  MNN_IMPORT_TWICE: 'Delete one of the two pods before the move, and create it after.',
  MNN_IMPORT_INTERFACE: 'Delete the pod before the move, and create it after.',
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof table;

export const errorTable: Readonly<Record<ErrorCode, string>> = table;

const brand = Symbol.for('multi-nic.error');

/** An error that a user or a runtime is meant to read: `CODE: what was wrong and where. what to do`. */
export class MultiNicError extends Error {
  readonly [brand] = true;
  readonly code: ErrorCode;
  /** What was wrong, and where, without the code and the advice. */
  readonly detail: string;

  constructor(code: ErrorCode, detail: string, options?: ErrorOptions) {
    super(`${code}: ${detail}. ${table[code]}`, options);
    this.name = 'MultiNicError';
    this.code = code;
    this.detail = detail;
  }

  /** The advice of the error's table row. */
  get fix(): string {
    return table[this.code];
  }
}

/** Whether a thrown value is ours, also when it came from another copy of this module. */
export function isMultiNicError(error: unknown): error is MultiNicError {
  return typeof error === 'object' && error !== null && brand in error;
}

/** The message of a thrown value, which may be anything. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
