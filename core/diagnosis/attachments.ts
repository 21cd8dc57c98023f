import type { MultiNicNetwork } from '../api/types.ts';
import type { AuditedPod, AuditInput } from '../audit/types.ts';
import { type LiveRecord, viewOf } from '../audit/view.ts';
import type { Network } from '../network/network.ts';
import type { Selected } from './selection.ts';

/** What is known of one network of the pod: each place that says something about it. */
export interface Attachment extends Selected {
  pod: AuditedPod;
  /** Undefined: there is no such network any more. */
  object: MultiNicNetwork | undefined;
  /** Undefined: its spec cannot be read. */
  read: Network | undefined;
  held: LiveRecord | undefined;
  /** Interfaces in the pod. */
  interfaces: AuditedPod['interfaces'];
  /** Whether the pod has fewer interfaces of the network than it was given or, where that is not known, none. */
  isLacking: boolean;
}

/** What each network of the pod has led to, as far as it goes. */
export function attachmentsOf(
  input: AuditInput,
  pod: AuditedPod,
  selected: readonly Selected[],
  networks: readonly MultiNicNetwork[],
): Attachment[] {
  const records = viewOf(input).byPod.get(pod) ?? [];
  return selected.map(of => {
    const { network, ifname, decided } = of;
    const held = records.find(({ record, pool }) => pool.spec.network === network && record.interface === ifname);
    const isOwn = (name: string): boolean => name === ifname || name.startsWith(`${ifname}-`);
    const interfaces = pod.interfaces.filter(link => link.network === network && isOwn(link.interface));
    return {
      ...of,
      pod,
      object: networks.find(({ metadata }) => metadata.name === network),
      read: input.networks.get(network)?.network,
      held,
      interfaces,
      isLacking: interfaces.length < ((decided ?? held?.record.nics)?.length ?? 1),
    };
  });
}
