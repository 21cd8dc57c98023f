import { readAttachments } from '../annotation/attachments.ts';
import { readFound } from '../annotation/foundInterfaces.ts';
import { interfaceNames, readNetworks } from '../annotation/networks.ts';
import { annotation } from '../api/names.ts';
import type { ObjectMeta } from '../api/types.ts';
import { isRecord } from '../json.ts';
import { readMac } from '../net/mac.ts';
import { containersEnded, type ContainerStates } from '../pod/containersEnded.ts';
import type { AuditedPod } from './types.ts';

/** The parts of a Pod (core/v1) that matter. */
export interface PodObject {
  metadata: ObjectMeta;
  spec?: { nodeName?: string; hostNetwork?: boolean; terminationGracePeriodSeconds?: number };
  status?: {
    phase?: string;
    podIPs?: readonly { ip?: string }[];
    conditions?: readonly { lastTransitionTime?: string }[];
    containerStatuses?: readonly { state?: { terminated?: { finishedAt?: string } } }[];
    initContainerStatuses?: NonNullable<ContainerStates['initContainerStatuses']>;
  };
}

/** A pod as the audit sees it. Unreadable annotations count as absent: nothing can have been made from them. */
export function auditedPod(pod: PodObject): AuditedPod {
  const { metadata, spec, status } = pod;
  const { annotations = {}, name, namespace = '', uid = '' } = metadata;
  const reservation = annotations[annotation.reservation];
  const endedAt = endOf(pod);
  const isRunning = status?.phase === 'Running' && endedAt === undefined;
  return {
    uid,
    namespace,
    name,
    ...(spec?.nodeName !== undefined && { node: spec.nodeName }),
    ...(reservation !== undefined && { reservation }),
    isRunning,
    ...(endedAt && { endedAt }),
    ...(metadata.deletionTimestamp !== undefined && { isDeleted: true }),
    // Another webhook may have moved it to the host network after ours: it has nothing of what its annotation says.
    ...decidedAndAsked(spec?.hostNetwork ? '' : (annotations[annotation.networks] ?? '')),
    ...(endedAt ? { interfaces: [] } : interfacesOf(pod)),
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
    const asked = readMac(mac);
    if (asked !== undefined) macs.push({ network, mac: asked, ...(netAddress !== undefined && { netAddress }) });
  }
  return { attachments, macs };
}

/**
 * When the pod's containers finally ended, or must have ended; undefined if they have not. A deleted pod that a finalizer holds is still called
 * running. Kubelets before Kubernetes 1.27 call a pod failed before they end its containers, and may never tell when these ended.
 */
function endOf({ metadata, spec, status }: PodObject): Date | undefined {
  const { phase, containerStatuses = [], conditions = [] } = status ?? {};
  const ends = containerStatuses.flatMap(({ state }) => state?.terminated ?? []).map(({ finishedAt }) => finishedAt);
  const haveEnded = containersEnded(status ?? {});
  const { creationTimestamp, deletionTimestamp, managedFields = [] } = metadata;
  if (phase === 'Succeeded' || (haveEnded && (phase === 'Failed' || deletionTimestamp !== undefined))) {
    return latest([creationTimestamp, ...ends]);
  }
  if (phase !== 'Failed') return undefined;
  const changes = [...managedFields.map(({ time }) => time), ...conditions.map(one => one.lastTransitionTime)];
  const graceMs = (spec?.terminationGracePeriodSeconds ?? 0) * 1000;
  return new Date(latest([creationTimestamp, ...changes]).getTime() + graceMs);
}

function latest(times: readonly (string | undefined)[]): Date {
  return new Date(Math.max(...times.map(time => Date.parse(time ?? '') || 0)));
}

/**
 * What a pod that has not ended has: what its node's agent has found where that is not as it was made, else its status. Before it runs, that may be
 * the status of the pod whose manifest it was copied from.
 */
function interfacesOf({ metadata, status }: PodObject): Pick<AuditedPod, 'interfaces' | 'isChanged'> {
  const found = readFound(metadata.annotations?.[annotation.foundInterfaces], metadata.uid ?? '');
  if (found) return { interfaces: found.map(({ ips, ...link }) => ({ ...link, addresses: ips })), isChanged: true };
  const items = statusItems(metadata.annotations?.[annotation.networkStatus] ?? '[]');
  const isOwn = status?.phase === 'Running' || hasPrimaryAddress(items, status?.podIPs ?? []);
  return { interfaces: isOwn ? secondaryInterfaces(items) : [] };
}

/** The interfaces of network-status (multi-net-spec v1.3 §5.3). */
function statusItems(text: string): Record<string, unknown>[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

/** Whether the primary interface has the address that the kubelet tells of the pod, whose init containers may run. */
function hasPrimaryAddress(items: readonly Record<string, unknown>[], podIPs: readonly { ip?: string }[]): boolean {
  return items.some(
    ({ default: isPrimary, ips }) =>
      isPrimary === true && Array.isArray(ips) && podIPs.some(({ ip }) => ip !== undefined && ips.includes(ip)),
  );
}

/** A name is `namespace/network`, in some versions `network`. */
function secondaryInterfaces(items: readonly Record<string, unknown>[]): AuditedPod['interfaces'] {
  return items.flatMap(item => {
    const { name, ips, default: isPrimary, interface: ifname } = item;
    if (typeof name !== 'string' || isPrimary === true) return [];
    // Interfaces of some networks have no addresses.
    const addresses = Array.isArray(ips) ? ips.filter(ip => typeof ip === 'string') : [];
    return [
      { network: name.split('/').at(-1) ?? name, interface: typeof ifname === 'string' ? ifname : '', addresses },
    ];
  });
}
