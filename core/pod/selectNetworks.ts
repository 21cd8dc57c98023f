import { type Attachments, readAttachments, withoutAttachments } from '../annotation/attachments.ts';
import type { NetworkSelection } from '../annotation/networks.ts';
import { checkCount, interfaceNames, macOf, parseNetworks } from '../annotation/networks.ts';
import { annotation } from '../api/names.ts';
import { MultiNicError } from '../errors.ts';
import { linkName } from '../net/interfaceName.ts';
import type { PodFacts } from './skip.ts';

/** Where a pod's networks were named; in order of precedence. */
export type SelectionSource = 'pod networks' | 'pod annotation' | 'namespace annotation' | 'all networks';

/** One element, and the MultiNicNetwork that it means; undefined for somebody else's NetworkAttachmentDefinition. */
export interface SelectedNetwork {
  element: NetworkSelection;
  network?: string | undefined;
  /** CNI_IFNAME. */
  ifname: string;
  /** The attachments that came with the element and were dropped: not to be believed, but they may tell where to look. */
  dropped?: Attachments;
}

/** What selectNetworks needs to know of the cluster. */
export interface NetworkDirectory {
  exists(network: string): boolean;
  appliesTo(network: string, namespace: string): boolean;
  /** Names of all networks that apply to the namespace. */
  applicable(namespace: string): string[];
}

/**
 * The networks of a pod: those of its own k8s.v1.cni.cncf.io/networks and, if none of them is ours, those of its annotation multinic.fms.io/networks
 * after them; else the namespace's of that name; else every network that applies to the namespace, by name. Attachments that came with the pod are
 * dropped.
 * @throws MultiNicError MNN_NETWORKS_ANNOTATION_INVALID, MNN_NETWORK_UNKNOWN, MNN_NETWORK_NOT_ALLOWED, MNN_INTERFACE_NAME
 */
export function selectNetworks(
  pod: PodFacts,
  namespaceAnnotations: Readonly<Record<string, string>>,
  directory: NetworkDirectory,
): { source: SelectionSource; selected: SelectedNetwork[] } {
  const { source, elements, anybodys } = findElements(pod, namespaceAnnotations, directory);
  const ifnames = interfaceNames(elements);
  const selected = elements.map((given, i): SelectedNetwork => {
    const ifname = ifnames[i] ?? '';
    const element = withoutAttachments(given);
    const network = networkOf(element, pod.namespace, directory);
    if (network === undefined && i < anybodys) return { element, ifname };
    if (!directory.exists(element.name)) throw unknown(element.name, source);
    checkApplies(directory, element.name, pod.namespace);
    macOf(element, i); // refuses what no NIC can have
    const dropped = readAttachments(given['cni-args']);
    return { element, network, ifname, ...(dropped && { dropped }) };
  });
  checkInterfaceNames(selected);
  return { source, selected };
}

/**
 * The MultiNicNetwork that an element means; undefined where it can only mean somebody else's NetworkAttachmentDefinition. Multus looks for a definition of
 * that name in the element's namespace, or else the pod's, and a network has one only where it applies.
 * @param namespace the pod's
 */
export function networkOf(
  element: Pick<NetworkSelection, 'name' | 'namespace'>,
  namespace: string,
  directory: Pick<NetworkDirectory, 'appliesTo'>,
): string | undefined {
  return directory.appliesTo(element.name, element.namespace ?? namespace) ? element.name : undefined;
}

/** @throws MultiNicError MNN_NETWORK_NOT_ALLOWED where the network leaves the namespace out */
export function checkApplies(directory: Pick<NetworkDirectory, 'appliesTo'>, network: string, namespace: string): void {
  if (directory.appliesTo(network, namespace)) return;
  throw new MultiNicError('MNN_NETWORK_NOT_ALLOWED', `network ${network} does not apply to namespace ${namespace}`);
}

/**
 * The refusal of a name that no network has.
 * @param definition the NetworkAttachmentDefinition that would do as well, `namespace/name`, and does not exist either
 */
export function unknown(name: string, source: SelectionSource, definition?: string): MultiNicError {
  const other = definition === undefined ? '' : ` and no NetworkAttachmentDefinition ${definition}`;
  return new MultiNicError('MNN_NETWORK_UNKNOWN', `there is no network "${name}"${other}, which ${namedBy[source]}`);
}

const namedBy: Readonly<Record<SelectionSource, string>> = {
  'pod networks': `the pod's annotation ${annotation.networks} names`,
  'pod annotation': `the pod's annotation ${annotation.ourNetworks} names`,
  'namespace annotation': `the namespace's annotation ${annotation.ourNetworks} names`,
  'all networks': 'applied to the namespace a moment ago',
};

interface Found {
  source: SelectionSource;
  elements: NetworkSelection[];
  /** How many of the first ones may also be somebody else's NetworkAttachmentDefinitions. */
  anybodys: number;
}

function findElements(
  pod: PodFacts,
  namespaceAnnotations: Readonly<Record<string, string>>,
  directory: NetworkDirectory,
): Found {
  const own = pod.annotations[annotation.networks];
  const named = pod.annotations[annotation.ourNetworks];
  if (own !== undefined && own.trim() !== '') {
    const elements = parseNetworks(own);
    const anybodys = elements.length;
    // Other webhooks write such lists too: service meshes one of their plugin alone. What the author has named beside it is meant all the same.
    const hasOurs = elements.some(element => networkOf(element, pod.namespace, directory) !== undefined);
    const added = hasOurs ? [] : elementsNamed(named);
    if (added.length === 0) return { source: 'pod networks', elements, anybodys };
    checkCount(anybodys + added.length);
    return { source: 'pod annotation', elements: [...elements, ...added], anybodys };
  }
  if (named !== undefined) return { source: 'pod annotation', elements: elementsNamed(named), anybodys: 0 };
  const ofNamespace = namespaceAnnotations[annotation.ourNetworks];
  if (ofNamespace !== undefined)
    return { source: 'namespace annotation', elements: elementsNamed(ofNamespace), anybodys: 0 };
  const all = directory.applicable(pod.namespace).sort();
  return { source: 'all networks', elements: all.map(name => ({ name })), anybodys: 0 };
}

/**
 * What a pod's or namespace's annotation multinic.fms.io/networks names; nothing where there is none.
 * @throws MultiNicError MNN_NETWORKS_ANNOTATION_INVALID where these are too many
 */
export function elementsNamed(text = ''): NetworkSelection[] {
  const names = text.split(',').map(name => name.trim());
  const given = names.filter(name => name !== '');
  checkCount(given.length);
  return given.map(name => ({ name }));
}

/** What a pod has before any network of its selection. */
const primaryInterfaces: ReadonlySet<string> = new Set(['eth0', 'lo']);

function checkInterfaceNames(selected: readonly SelectedNetwork[]): void {
  const seen = new Set<string>();
  // Each of ours has this link, however many NICs the node has.
  const ours = selected.filter(({ network }) => network !== undefined);
  const firstLinks = new Map(ours.map(item => [linkName(item.ifname, 0), item]));
  for (const item of selected) {
    const { ifname } = item;
    const owner = firstLinks.get(ifname);
    if (owner !== undefined && owner !== item) {
      throw new MultiNicError('MNN_INTERFACE_NAME', `interface ${ifname} is the first one of network ${owner.network}`);
    }
    if (primaryInterfaces.has(ifname)) {
      throw new MultiNicError('MNN_INTERFACE_NAME', `interface ${ifname} is the pod's own without any network`);
    }
    if (seen.has(ifname)) throw new MultiNicError('MNN_INTERFACE_NAME', `interface ${ifname} is used twice in the pod`);
    seen.add(ifname);
  }
}
