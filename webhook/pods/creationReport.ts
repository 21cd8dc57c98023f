import { readAttachments, sameAttachments } from '../../core/annotation/attachments.ts';
import { type NetworkSelection, parseNetworks } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import type { SelectionSource } from '../../core/pod/selectNetworks.ts';
import type { PodFacts } from '../../core/pod/skip.ts';
import type { CreateGrants } from './grantAtCreate.ts';
import type { SchedulerShare } from './schedulerShare.ts';
import type { WantedAttachment } from './wanted.ts';

/**
 * Warns of attachments that came with the pod (usually copied from another one) and were not granted again.
 * @param reservation the pod's own: if it came with that, they are its own, of an earlier round of this admission
 */
export function droppedWarnings(
  { annotations }: Pick<PodFacts, 'annotations'>,
  after: readonly NetworkSelection[],
  reservation?: string,
): string[] {
  if (reservation !== undefined && annotations[annotation.reservation] === reservation) return [];
  const before = parseNetworks(annotations[annotation.networks] ?? '');
  return before.flatMap((element, i) => {
    const came = readAttachments(element['cni-args']);
    if (!came || sameAttachments(came, readAttachments(after[i]?.['cni-args']))) return [];
    return `network ${element.name}: the attachments that came with the pod were dropped; they are another pod's`;
  });
}

/** Warns of what the pod did not get as it asked. */
export function shortWarnings(wanted: readonly WantedAttachment[], { short }: CreateGrants): string[] {
  return wanted.flatMap(({ position, selected }) => {
    const lacks = short.get(position);
    if (lacks === undefined) return [];
    return `network ${selected.network}: granted as far as possible, the node lacks ${lacks}`;
  });
}

/** Warns of what the scheduler does not know of the pod. */
export function uncountedWarnings({ forbidden }: SchedulerShare): string[] {
  return forbidden.map(
    resource => `a quota of the namespace allows no ${resource}, so the scheduler does not count it for this pod`,
  );
}

/** What was decided for a new pod. */
interface Creation {
  source: SelectionSource;
  wanted: readonly WantedAttachment[];
  grants: CreateGrants;
  share: SchedulerShare;
  /** Undefined where the scheduler chooses it. */
  node: string | undefined;
}

/** What the API server's audit log is told. */
export function creationAudit({ source, wanted, grants, share, node }: Creation): Record<string, string> {
  const addresses = [...grants.granted.values()].flatMap(nics => nics.flatMap(nic => nic.addresses));
  const asked = [...share.resources, ...share.labels].map(([name, quantity]) => `${name}=${quantity}`);
  return {
    source,
    networks: wanted.map(({ selected }) => `${selected.network}@${selected.ifname}`).join(','),
    ...(node !== undefined && { node }),
    ...(addresses.length > 0 && { addresses: addresses.join(',') }),
    ...(asked.length > 0 && { scheduler: asked.join(',') }),
  };
}
