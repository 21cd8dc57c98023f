import type { AllocatedNic } from '../core/api/types.ts';
import { formatBandwidth } from '../core/selection/bandwidth.ts';
import { strategyOf, targetOf } from '../core/selection/wish.ts';
import type { EventRecorder, EventSubject } from '../kube/events.ts';
import type { WantedAttachment } from './wanted.ts';

/** An attachment with what it got. */
export interface Explained {
  item: WantedAttachment;
  nics: readonly AllocatedNic[];
  /** What a best-effort pod asked for in vain. */
  short?: string | undefined;
}

/** For people, in one line: which NICs and addresses the pod got on the node, and by which rule. */
function explain(node: string, explained: readonly Explained[]): string {
  const parts = explained.map(
    ({ item, nics }) => `${whyOf(item)}: ${nics.map((nic, i) => nicText(item, nic, i)).join(', ')}`,
  );
  return `on node ${node}: ${parts.join('; ')}`;
}

/** What was granted only in part; undefined where nothing was. */
export function explainShort(node: string, explained: readonly Explained[]): string | undefined {
  const parts = explained.flatMap(({ item, short }) =>
    short === undefined ? [] : [`network ${item.selected.network}: node ${node} lacks ${short}`],
  );
  return parts.length === 0 ? undefined : `best effort: ${parts.join('; ')}`;
}

/** Tells it with the pod's events: `kubectl describe pod` shows them. */
export function tell(
  events: Pick<EventRecorder, 'record'>,
  { metadata }: Pick<EventSubject, 'metadata'>,
  node: string,
  explained: readonly Explained[],
): void {
  if (explained.length === 0) return;
  const subject = { apiVersion: 'v1', kind: 'Pod', metadata };
  const short = explainShort(node, explained);
  events.record(subject, 'Normal', 'NetworksChosen', explain(node, explained));
  if (short !== undefined) events.record(subject, 'Warning', 'NetworksShort', short);
}

function whyOf({ selected, known, request }: WantedAttachment): string {
  const { network } = known.state;
  const target = targetOf(network, request);
  const rules = [
    strategyOf(network),
    ...(target === undefined ? [] : [formatBandwidth(target)]),
    ...(request.class === undefined ? [] : [`class ${request.class}`]),
    ...(request.masters ? [`masters ${request.masters.join(' ')}`] : []),
    ...(request.nics === undefined ? [] : [`${request.nics} NICs asked for`]),
  ];
  return `network ${selected.network} (${rules.join(', ')})`;
}

function nicText(
  { selected }: WantedAttachment,
  { master, netAddress, addresses, promisedMbps }: AllocatedNic,
  i: number,
): string {
  const promised = promisedMbps === undefined ? [] : [formatBandwidth(promisedMbps)];
  return [`${selected.ifname}-${i}`, master ?? netAddress, ...addresses, ...promised].join(' ');
}
