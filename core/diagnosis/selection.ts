import { type Attachments, readAttachments } from '../annotation/attachments.ts';
import { interfaceNames, type NetworkSelection, readNetworks } from '../annotation/networks.ts';
import { annotation } from '../api/names.ts';
import type { MultiNicNetwork } from '../api/types.ts';
import { appliesTo } from '../network/network.ts';
import { type NetworkDirectory, networkOf } from '../pod/selectNetworks.ts';
import type { DiagnosedPod } from './facts.ts';

/** A network of ours that the pod carries in its list, which admission wrote, or its author where admission left the pod alone. */
export interface Selected {
  network: string;
  element: NetworkSelection;
  /** CNI_IFNAME. */
  ifname: string;
  /** What admission decided; undefined: nothing yet. */
  decided: Attachments | undefined;
}

/** The networks of ours that the pod is to get, in its order: none on the host network, whatever its list says. */
export function selectedBy({ metadata, spec }: DiagnosedPod, networks: readonly MultiNicNetwork[]): Selected[] {
  if (spec?.hostNetwork) return [];
  const elements = readNetworks(metadata.annotations?.[annotation.networks] ?? '') ?? [];
  const ifnames = interfaceNames(elements);
  const directory = directoryOf(networks);
  return elements.flatMap((element, i): Selected[] => {
    const decided = readAttachments(element['cni-args']);
    const network = networkOf(element, metadata.namespace ?? '', directory) ?? (decided && element.name);
    return network === undefined ? [] : [{ network, element, ifname: ifnames[i] ?? '', decided }];
  });
}

/** The networks as admission looks them up. */
export function directoryOf(networks: readonly MultiNicNetwork[]): NetworkDirectory {
  const find = (name: string) => networks.find(({ metadata }) => metadata.name === name);
  const applies = (network: MultiNicNetwork | undefined, namespace: string): boolean =>
    network !== undefined && appliesTo(network.spec, namespace);
  return {
    exists: name => find(name) !== undefined,
    appliesTo: (name, namespace) => applies(find(name), namespace),
    applicable: namespace =>
      networks
        .filter(network => applies(network, namespace) && network.metadata.deletionTimestamp === undefined)
        .map(({ metadata }) => metadata.name),
  };
}
