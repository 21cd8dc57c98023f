import { type Attachments, readAttachments } from '../annotation/attachments.ts';
import { interfaceNames, type NetworkSelection, readNetworks } from '../annotation/networks.ts';
import { annotation, label } from '../api/names.ts';
import type { MultiNicNetwork } from '../api/types.ts';
import { isMultiNicError } from '../errors.ts';
import { appliesTo } from '../network/network.ts';
import { type NetworkDirectory, networkOf, selectNetworks } from '../pod/selectNetworks.ts';
import { factsOf, skipReason } from '../pod/skip.ts';
import type { DiagnosedPod, DiagnosisFacts, Line } from './facts.ts';

/** A network of ours that the pod carries in its list, which admission wrote, or its author where admission left the pod alone. */
export interface Selected {
  network: string;
  element: NetworkSelection;
  /** CNI_IFNAME. */
  ifname: string;
  /** What admission decided; undefined: nothing yet. */
  decided: Attachments | undefined;
}

/** The networks of ours that the pod is to get, in its order. */
export function selectedBy({ metadata }: DiagnosedPod, networks: readonly MultiNicNetwork[]): Selected[] {
  const elements = readNetworks(metadata.annotations?.[annotation.networks] ?? '') ?? [];
  const ifnames = interfaceNames(elements);
  const directory = directoryOf(networks);
  return elements.flatMap((element, i): Selected[] => {
    const decided = readAttachments(element['cni-args']);
    const network = networkOf(element, metadata.namespace ?? '', directory) ?? (decided && element.name);
    return network === undefined ? [] : [{ network, element, ifname: ifnames[i] ?? '', decided }];
  });
}

/** Whether admission decided on the pod, and why not, where it did not. */
export function decisionLines(facts: DiagnosisFacts, selected: readonly Selected[]): Line[] {
  const { pod, namespace } = facts;
  const { labels = {}, namespace: of = '' } = pod.metadata;
  if (label.injected in labels) return [{ about: 'pod', kind: 'fact', text: 'admission decided its networks' }];
  // A network that it names in the list of everybody's networks it gets all the same: on the node, from the agent.
  const kind = selected.length > 0 ? 'fact' : 'problem';
  const line = (text: string, fix: string): Line => ({ about: 'pod', kind, text, ...(kind === 'problem' && { fix }) });
  const reason = skipReason(factsOf(pod, of), namespace.labels ?? {});
  if (reason !== undefined) {
    const isOptedIn = namespace.labels?.[label.injection] === 'enabled';
    const fix = isOptedIn
      ? 'If it should have NICs, change that in its manifest and create it again.'
      : `kubectl label namespace ${of} ${label.injection}=enabled, and create the pod again: only new pods get networks.`;
    return [line(`admission left it alone: ${reason}`, fix)];
  }
  const again = wouldGet(facts);
  if (again === '') {
    const fix = `Name networks in its annotation ${annotation.ourNetworks}, and create it again.`;
    return [line('it selects no MultiNicNetwork', fix)];
  }
  return [line(`admission was not asked: ${whenNotAsked(facts)}`, `Create it again: it would ${again}.`)];
}

/** What would become of the pod today; empty: it would get nothing. */
function wouldGet({ pod, namespace, networks }: DiagnosisFacts): string {
  try {
    const of = factsOf(pod, pod.metadata.namespace ?? '');
    const { selected } = selectNetworks(of, namespace.annotations ?? {}, directoryOf(networks));
    const names = selected.flatMap(({ network }) => network ?? []);
    return names.length === 0 ? '' : `get ${names.join(', ')}`;
  } catch (error) {
    if (isMultiNicError(error)) return `be refused: ${error.detail}`;
    throw error;
  }
}

function whenNotAsked({ pod, namespace, registered }: DiagnosisFacts): string {
  const { creationTimestamp: created = '' } = pod.metadata;
  if (registered === 'none') return 'no webhook is registered (MNN_WEBHOOK_UNREGISTERED)';
  if (registered !== undefined && registered > created) {
    return `it was created at ${created}, and the webhook was registered at ${registered}`;
  }
  const writer = namespace.managedFields?.find(({ fieldsV1 }) =>
    JSON.stringify(fieldsV1 ?? {}).includes(`"f:${label.injection}"`),
  );
  if (writer?.time !== undefined && writer.time >= created) {
    return `it was created at ${created}, and ${writer.manager ?? 'somebody'} labelled its namespace at ${writer.time}`;
  }
  return `it was created at ${created}, before its namespace had the label, before it could select the network, or while no webhook was registered`;
}

function directoryOf(networks: readonly MultiNicNetwork[]): NetworkDirectory {
  const byName = new Map(networks.map(network => [network.metadata.name, network]));
  const applies = (network: MultiNicNetwork | undefined, namespace: string): boolean =>
    network !== undefined && appliesTo(network.spec, namespace);
  return {
    exists: name => byName.has(name),
    appliesTo: (name, namespace) => applies(byName.get(name), namespace),
    applicable: namespace =>
      networks
        .filter(network => applies(network, namespace) && network.metadata.deletionTimestamp === undefined)
        .map(({ metadata }) => metadata.name),
  };
}
