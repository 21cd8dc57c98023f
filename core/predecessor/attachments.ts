import { interfaceNames, readNetworks } from '../annotation/networks.ts';
import { annotation } from '../api/names.ts';
import { auditedPod, type PodObject } from '../audit/readPod.ts';
import type { AuditedPod } from '../audit/types.ts';
import { bareAddress } from '../net/interfaceAddress.ts';

/** A pod, and which interface each network selection of it has (CNI_IFNAME, in the order of the annotation). */
export interface ImportedPod extends AuditedPod {
  selections: { network: string; interface: string }[];
}

/** One attachment of a pod: its interface, and its addresses in the order of its NICs. */
export interface PodAttachment {
  /** Undefined: it is not known which of the pod's attachments has the addresses. */
  interface: string | undefined;
  addresses: string[];
}

/** Reads a pod of a cluster that is being imported. */
export function importedPod(object: PodObject): ImportedPod {
  return { ...auditedPod(object), selections: selectionsOf(object.metadata.annotations?.[annotation.networks] ?? '') };
}

function selectionsOf(value: string): ImportedPod['selections'] {
  const elements = readNetworks(value) ?? [];
  const names = interfaceNames(elements);
  return elements.map(({ name }, i) => ({ network: name, interface: names[i] ?? '' }));
}

/**
 * What a pod has of a network. Its network-status is the truth where it has one: the operator lost records (its controller's start empties
 * pools where Multus is newer than it expects), and kept those of an earlier pod of the same name. Where the pod selects the network by a definition of
 * another name, which a user wrote, it is known by what was recorded.
 * @param recorded the addresses that the pools of the pod's node have for it
 */
export function attachmentsOf(pod: ImportedPod, network: string, recorded: readonly string[]): PodAttachment[] {
  const names = pod.selections.flatMap(selection => (selection.network === network ? [selection.interface] : []));
  const own = new Set(recorded.map(bareAddress));
  const isOfIt = ({ network: definition, addresses }: ImportedPod['interfaces'][number]): boolean =>
    definition === network || (names.length === 0 && addresses.some(address => own.has(bareAddress(address))));
  const links = pod.interfaces.filter(link => isOfIt(link) && link.addresses.length > 0);
  if (links.length === 0) {
    return recorded.length === 0 ? [] : [{ interface: onlyOne(names), addresses: [...own] }];
  }
  const byName = new Map<string | undefined, string[]>();
  for (const link of links) {
    const name =
      names.find(known => link.interface === known || link.interface.startsWith(`${known}-`)) ??
      (names.length > 0 ? onlyOne(names) : link.interface.replace(/-\d+$/, ''));
    const key = name === '' ? undefined : name;
    byName.set(key, [...(byName.get(key) ?? []), ...link.addresses.map(bareAddress)]);
  }
  return [...byName].map(([name, addresses]) => ({ interface: name, addresses }));
}

function onlyOne(names: readonly string[]): string | undefined {
  return names.length === 1 ? names[0] : undefined;
}
