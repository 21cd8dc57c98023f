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
  MNN_SUBNET_INVALID:
    'Give at most one IPv4 and one IPv6 network of unicast addresses, separated by a comma, or leave spec.subnet empty.',
  MNN_SUBNET_HOST_BITS: 'The bits after the prefix are ignored; write the network without them.',
  MNN_MASTER_NETS: 'List each host subnet once, in the order in which a pod should have its interfaces.',
  MNN_CAPACITY: 'Choose a wider subnet, or fewer interfaceBlock or hostBlock bits.',
  MNN_EXCLUDE_INVALID: 'List networks or addresses inside spec.subnet, and leave some addresses to give out.',
  MNN_ROUTE_INVALID: 'Give every route a destination network and, if any, a gateway of the same family.',
  MNN_MODE_CONFLICT: 'Make spec.ipam.vlanMode, spec.plugin.args.mode and the plugin type agree.',
  MNN_IPAM_FLAG: 'multiNICIPAM follows from ipam.type: true with multi-nic-ipam, absent with a single-NIC IPAM plugin.',
  MNN_PLUGIN_INVALID: 'Correct the plugin section; docs/reference/network.md lists types and their args.',
  MNN_STRATEGY_UNKNOWN: 'Use one of none, costOpt, perfOpt, devClass, topology.',
  MNN_STRATEGY_UNUSED:
    "Remove the strategy; the kubelet's Topology Manager, if it is configured, keeps a pod's devices close together.",
  MNN_TARGET_INVALID: 'Write the bandwidth as a number with Gbps, Mbps or Kbps, for example 100Gbps.',
  MNN_NAME_INVALID:
    'Use a DNS-1123 label of at most 63 characters: it names a NetworkAttachmentDefinition and an extended resource.',
  MNN_FINALIZER:
    'Remove it from the manifest and, unless the multi-nic-cni operator still runs, from the network: kubectl patch mnn <name> --type=merge -p \'{"metadata":{"finalizers":null}}\'.',
  MNN_NAMESPACE_UNKNOWN:
    'Create the namespace, or remove it from spec.namespaces; the network applies to it once it exists.',
  MNN_OVERLAP:
    'Choose a subnet that no other network, no host and no pod uses; networks without a subnet are kept apart by masterNets or excludeCIDRs.',
  MNN_IN_USE: 'Delete the pods that use the network first, or create a second network with the new layout.',
  MNN_CLASS_UNKNOWN:
    'Create the DeviceClass, or name one that exists: kubectl get deviceclasses.multinic.fms.io (short: mndc).',
  MNN_NO_MEMBERS: 'Check spec.masterNets against the nodes: kubectl get hostinterfaces.',
  MNN_NIC_CONFLICT:
    'Give both networks the same plugin type and mode, or masterNets that keep them apart, or run their pods on different nodes.',
  MNN_MTU_DIFFERS: 'Give all NICs of a subnet one MTU, or set spec.plugin.args.mtu to the least of them.',

  /** What pods ask for. */
  MNN_NETWORKS_ANNOTATION_INVALID:
    'Correct the annotation k8s.v1.cni.cncf.io/networks: a JSON list, or a comma-separated list of [namespace/]name[@interface].',
  MNN_DEFAULT_NETWORK:
    'Name the network in the annotation k8s.v1.cni.cncf.io/networks, and remove v1.multus-cni.io/default-network or let it name another one.',
  MNN_CNI_ARGS_INVALID:
    'Correct cni-args in the annotation k8s.v1.cni.cncf.io/networks; docs/reference/annotations.md lists its keys.',
  MNN_INTERFACE_NAME:
    'Choose an interface name that is not used twice, and of at most 12 characters, of 13 for ten NICs, or of 14 or 15 for one.',
  MNN_NETWORK_UNKNOWN: 'Name an existing network: kubectl get multinicnetworks (short: mnn).',
  MNN_NOT_INSTALLED:
    'Apply the CustomResourceDefinitions and then the networks again: kubectl apply -f manifests/base/crds.',
  MNN_SCHEMA_REPLACED:
    'Apply the CustomResourceDefinitions of this release again (kubectl apply -f manifests/base/crds), and find out what replaced them: the multi-nic-cni operator, or another release.',
  MNN_NETWORK_NOT_ALLOWED: "Add the pod's namespace to the network's spec.namespaces, or use another network.",
  MNN_NETWORK_NOT_READY:
    'The controller gives the node its address block within seconds; if it does not, see kubectl describe mnn.',
  MNN_NODE_NOT_READY:
    "The node's agent reports its NICs within seconds of starting; if it does not, see its log: kubectl get pods -A -o wide -l app.kubernetes.io/name=multi-nic-agent.",
  MNN_NO_NODE_FITS: 'Ask for fewer or other NICs, or check what the nodes have: kubectl get hostinterfaces.',
  MNN_NODE_LACKS: 'Choose another node, or check its NICs: kubectl describe hostinterface <node>.',
  MNN_POOL_FULL: 'Free addresses by deleting pods, or use a network with a wider subnet or fewer hostBlock bits.',
  MNN_POOL_UNREADABLE:
    'Somebody has edited the pool: restore the record, or delete it if its pod is gone: kubectl edit --subresource=status ippool.',
  MNN_ADDRESS_TAKEN:
    'Ask for another address, or for none to get the next free one. If the pod asked for none, delete it or the pod named here.',
  MNN_ADDRESS_OUTSIDE:
    "Ask for an address inside a node's block of the network: kubectl get ippools. With hostBlock 0, or type ptp and another IPAM: inside its spec.subnet.",
  MNN_ANNOTATIONS_TOO_LARGE:
    'Remove annotations from the pod: Kubernetes allows 262144 bytes of keys and values in total.',
  MNN_ATTACHMENTS_CHANGED: 'Leave multinic.fms.io/attachments as it is; delete and recreate the pod to get other NICs.',
  MNN_NOT_INJECTED:
    'Create the pod again once the webhook is up (kubectl get pods -A -l app.kubernetes.io/name=multi-nic-webhook), and make sure that no other mutating webhook removes or replaces what it wrote. Take the label multinic.fms.io/injected off a manifest that was copied.',

  /** The webhook and its API server. */
  MNN_REVIEW_INVALID: 'Send an admission.k8s.io/v1 AdmissionReview with a request.',
  MNN_BODY_TOO_LARGE: 'Send at most 7 MiB, which is more than the API server stores.',
  MNN_DEADLINE: 'Try again: the API server or the pool was busy for longer than the call may take.',
  MNN_OVERLOADED: 'Try again: the webhook is serving as many requests as it can.',

  MNN_WEBHOOK_UNREGISTERED:
    'Apply the manifests of your installation again, and find out what deleted or changed it; pods of labelled namespaces that were created meanwhile have to be created again.',

  /** Certificates of the webhook. */
  MNN_CERT_UNUSABLE:
    'Put a PEM certificate and its own key there; if the leader keeps the Secret, delete it, and the leader creates a new one: docs/guides/certificates.md.',
  MNN_CERT_KEPT_BY_OTHERS:
    'Start every replica with --no-manage-certs, or make sure that nothing else writes the Secret: docs/guides/certificates.md.',
  MNN_CERT_NOT_KEPT:
    "See the API server's message; the account needs the rights in manifests/base/webhook/rbac.yaml. The leader retries until it works.",

  /** The CNI executable and its agent. */
  MNN_AGENT_AWAY:
    'Check the multi-nic agent of this node: is its pod running and ready, and is its socket folder mounted from the host?',
  MNN_CNI_BY_HAND:
    'Container runtimes call this program with CNI_COMMAND and a network configuration on stdin; see its --help.',
  MNN_CNI_COMMAND: 'Set CNI_COMMAND to ADD, CHECK, DEL, GC, STATUS or VERSION.',
  MNN_CNI_STDIN: 'Give the network configuration (JSON, UTF-8, at most 4 MiB) on stdin.',
  MNN_CNI_ENVIRONMENT: 'Call the executable with the variables of the CNI specification, section 2 "Parameters".',
  MNN_CNI_VERSION: 'Write one of the supported versions as cniVersion; the verb VERSION lists them.',
  MNN_CNI_CONFIG:
    'Correct the network configuration; the controller generates one for each MultiNicNetwork and namespace.',
  MNN_CNI_NETNS: "Call with the path of a network namespace that exists and is not the host's own.",
  MNN_CNI_DEADLINE: 'The runtime will retry; see the log of the multi-nic agent on this node for what took so long.',
  MNN_POD_UNKNOWN: 'The runtime must name an existing pod of this node in CNI_ARGS (K8S_POD_NAMESPACE, K8S_POD_NAME).',
  MNN_POD_ENDING:
    'There is nothing to do: a pod that is ending gets no more interfaces, because its addresses may already be free.',
  MNN_DELEGATE_MISSING:
    "Install the plugin in the node's CNI folder, where the agent looks too (--cni-path), or correct spec.plugin.type, spec.plugin.chain or spec.ipam.",
  MNN_DELEGATE_FAILED: "See the plugin's own message, its log on this node, and its arguments in the MultiNicNetwork.",
  MNN_GATEWAY_UNREACHABLE: "Name a gateway in the subnet of one of the attachment's NICs, or leave default-route out.",
  MNN_ROUTE_TAKEN:
    "Leave the route out of the network's ipam, or have the pod's selection say default-route, if it is the pod's default route that is meant.",
  MNN_CHECKPOINT:
    "Free space in the agent's state folder on this node (--state-dir), or repair it; the runtime will retry.",
  MNN_NIC_RETURNING:
    'There is nothing to do: the runtime will retry. If the NIC does not come back, the pod that is named still has a sandbox on the node.',
  MNN_DEVICE_MISSING:
    "Request the device plugin's resource in the pod (resources.requests), and check that the device plugin runs on the node.",
  MNN_KUBELET_DEVICES:
    'Check that the kubelet of this node is healthy, and that the agent has its folders device-plugins and pod-resources mounted; the runtime will retry.',
  MNN_NO_ADDRESSES: "Remove it from the pod's selection, or give the network an IPAM plugin (spec.ipam).",
  MNN_IPS_DIFFER: 'Delete and recreate the pod to get addresses other than those that it holds.',
  MNN_IPS_MANY:
    "Ask for at most one address of each of the network's families for each NIC, in the order of the NICs, and for as many NICs (cni-args).",
  MNN_MAC_MANY: 'Ask for a hardware address only with one NIC (cni-args nics: 1).',
  MNN_MAC_SHARED: 'Leave the hardware address out, or select a network of another type, such as macvlan.',
  MNN_INTERFACE_EXISTS:
    "Choose another interface name in the pod's network selection, or remove the plugin that made the other one.",
  MNN_ATTACH_FAILED:
    "See the kernel's error; what was made before it has been removed again, and the runtime will retry.",
  MNN_ATTACHMENT_CHANGED: 'Delete the pod: something else changed its interfaces, addresses or routes.',
  MNN_AGENT_NOT_READY: 'The agent is still reading its objects from the API server; the runtime will retry.',
  MNN_WIRE_INVALID:
    'Install the CNI executable and the agent from the same release; the agent installs its own when it starts.',

  /** kubectl multinic import. */
  MNN_NOT_IMPORTED:
    'Import it, or delete it if no pod has its addresses; docs/guides/coming-from-multi-nic-cni.md says how.',
  MNN_IMPORT_UNREADABLE:
    "Save the operator's objects while its own CustomResourceDefinitions are in place; if they have been replaced, apply the operator's again first: kubectl get cidrs.multinic.fms.io,ippools.multinic.fms.io,hostinterfaces.multinic.fms.io -o yaml.",
  MNN_IMPORT_CRDS: 'Apply the CustomResourceDefinitions of this system first: kubectl apply -f manifests/base/crds.',
  MNN_IMPORT_BLOCK:
    "Delete the pod before the move and create it afterwards; or, if the network has been edited since, give it back the subnet and blocks of the operator's CIDR.",
  MNN_IMPORT_TWICE: 'Delete one of the two pods before the move, and create it afterwards.',
  MNN_IMPORT_INTERFACE: 'Delete the pod before the move, and create it afterwards.',
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
