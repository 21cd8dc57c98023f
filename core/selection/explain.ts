import type { AllocatedNic } from '../api/types.ts';
import { linkName } from '../net/interfaceName.ts';
import type { Network } from '../network/network.ts';
import { formatBandwidth } from './bandwidth.ts';
import type { NicRequest } from './request.ts';
import { strategyOf, targetOf } from './wish.ts';

/** What an attachment asked for, and got. */
export interface AttachmentChoice {
  readonly network: Network;
  readonly ifname: string;
  readonly request: NicRequest;
  readonly nics: readonly AllocatedNic[];
  /** What a best-effort pod asked for in vain. */
  readonly short?: string | undefined;
}

/** For people, in one line: which NICs and addresses the pod got on the node, and by which rule. */
export function explain(node: string, choices: readonly AttachmentChoice[]): string {
  const parts = choices.map(
    choice => `${whyOf(choice)}: ${choice.nics.map((nic, i) => nicText(choice, nic, i)).join(', ')}`,
  );
  return `on node ${node}: ${parts.join('; ')}`;
}

/** What was granted only in part; undefined where nothing was. */
export function explainShort(node: string, choices: readonly AttachmentChoice[]): string | undefined {
  const parts = choices.flatMap(({ network, short }) =>
    short === undefined ? [] : [`network ${network.name}: node ${node} lacks ${short}`],
  );
  return parts.length === 0 ? undefined : `best effort: ${parts.join('; ')}`;
}

function whyOf({ network, request }: AttachmentChoice): string {
  const target = targetOf(network, request);
  const rules = [
    strategyOf(network),
    ...(target === undefined ? [] : [formatBandwidth(target)]),
    ...(request.class === undefined ? [] : [`class ${request.class}`]),
    ...(request.masters ? [`masters ${request.masters.join(' ')}`] : []),
    ...(request.nics === undefined ? [] : [`${request.nics} NICs asked for`]),
  ];
  return `network ${network.name} (${rules.join(', ')})`;
}

function nicText(
  { ifname }: AttachmentChoice,
  { master, netAddress, addresses, promisedMbps }: AllocatedNic,
  i: number,
): string {
  const promised = promisedMbps === undefined ? [] : [formatBandwidth(promisedMbps)];
  return [linkName(ifname, i), master ?? netAddress, ...addresses, ...promised].join(' ');
}
