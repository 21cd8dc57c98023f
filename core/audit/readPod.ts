import { readAttachments } from '../annotation/attachments.ts';
import { interfaceNames, readNetworks } from '../annotation/networks.ts';
import { annotation } from '../api/names.ts';
import type { ObjectMeta } from '../api/types.ts';
import { isRecord } from '../json.ts';
import { isMac } from '../net/mac.ts';
import type { AuditedPod } from './types.ts';

/** The parts of a Pod (core/v1) that count. */
export interface PodObject {
  metadata: ObjectMeta;
  spec?: { nodeName?: string };
  status?: {
    phase?: string;
    containerStatuses?: readonly { state?: { terminated?: { finishedAt?: string } } }[];
  };
}

/** A pod as the audit looks at it. Annotations that cannot be read count as none: nothing can have come of them. */
export function auditedPod({ metadata, spec, status }: PodObject): AuditedPod {
  const { annotations = {}, name, namespace = '', uid = '' } = metadata;
  const reservation = annotations[annotation.reservation];
  const isRunning = status?.phase === 'Running';
  const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return {
    uid,
    namespace,
    name,
    ...(spec?.nodeName !== undefined && { node: spec.nodeName }),
    ...(reservation !== undefined && { reservation }),
    isRunning,
    ...(isOver && { endedAt: endOf(metadata, status) }),
    ...decidedAndAsked(annotations[annotation.networks] ?? ''),
    // Before it runs, its status may be that of the pod whose manifest it was copied from.
    interfaces: isRunning ? readStatus(annotations[annotation.networkStatus] ?? '[]') : [],
  };
}

function decidedAndAsked(text: string): Pick<AuditedPod, 'attachments' | 'macs'> {
  const elements = readNetworks(text) ?? [];
  const names = interfaceNames(elements);
  const attachments: AuditedPod['attachments'] = [];
  const macs: AuditedPod['macs'] = [];
  for (const [i, { name: network, mac = '', 'cni-args': args }] of elements.entries()) {
    const nics = readAttachments(args);
    if (nics) attachments.push({ network, interface: names[i] ?? '', nics });
    const [{ netAddress } = {}] = nics ?? [];
    if (isMac(mac)) macs.push({ network, mac: mac.toLowerCase(), ...(netAddress !== undefined && { netAddress }) });
  }
  return { attachments, macs };
}

function endOf({ creationTimestamp = '' }: ObjectMeta, { containerStatuses = [] }: PodObject['status'] & object): Date {
  const ends = containerStatuses.map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? ''));
  return new Date(Math.max(Date.parse(creationTimestamp) || 0, ...ends.filter(time => !Number.isNaN(time))));
}

/** Secondary interfaces of network-status (multi-net-spec v1.3 §5.3); a name is `namespace/network`, in some versions `network`. */
function readStatus(text: string): AuditedPod['interfaces'] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
  return (Array.isArray(list) ? list.filter(isRecord) : []).flatMap(item => {
    const { name, ips, default: isPrimary, interface: ifname } = item;
    if (typeof name !== 'string' || !Array.isArray(ips) || isPrimary === true) return [];
    const addresses = ips.filter(ip => typeof ip === 'string');
    return [
      { network: name.split('/').at(-1) ?? name, interface: typeof ifname === 'string' ? ifname : '', addresses },
    ];
  });
}
