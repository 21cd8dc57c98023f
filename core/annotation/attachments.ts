import { attachmentsKey } from '../api/names.ts';
import type { AllocatedNic } from '../api/types.ts';
import type { NetworkSelection } from './networks.ts';

/**
 * What admission decided for one selection element, carried in its `cni-args` under `multinic.fms.io/attachments`: one entry per NIC in
 * interface order (the i-th becomes CNI_IFNAME-i): the host's NIC, or its subnet if the node was not known yet, and the pod's
 * addresses there with the vlanCIDR's prefix length.
 */
export type Attachments = AllocatedNic[];

/** The element's attachments; undefined where it has none, or what is there is not of their shape. */
export function readAttachments(cniArgs: Record<string, unknown> | undefined | null): Attachments | undefined {
  const value = cniArgs?.[attachmentsKey];
  return Array.isArray(value) && value.length > 0 && value.every(isAttachment) ? value : undefined;
}

/** The element with these attachments in place of any that it had: the same text for the same attachments. */
export function withAttachments(element: NetworkSelection, attachments: Attachments): NetworkSelection {
  return { ...element, 'cni-args': { ...element['cni-args'], [attachmentsKey]: attachments.map(inKeyOrder) } };
}

/** A record that was read back has its keys in the API server's order, one just made in ours. */
function inKeyOrder({ master, netAddress, addresses, ...more }: AllocatedNic): AllocatedNic {
  const others = Object.entries(more).sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...(master === undefined ? {} : { master }), netAddress, addresses, ...Object.fromEntries(others) };
}

/** The element without attachments. What a user left there, for example by copying another pod, is not valid. */
export function withoutAttachments(element: NetworkSelection): NetworkSelection {
  const { 'cni-args': args, ...rest } = element;
  if (!args || !(attachmentsKey in args)) return element;
  const others = Object.fromEntries(Object.entries(args).filter(([key]) => key !== attachmentsKey));
  return Object.keys(others).length > 0
    ? { ...rest, name: element.name, 'cni-args': others }
    : { ...rest, name: element.name };
}

/** Whether two lists of attachments say the same. */
export function sameAttachments(a: Attachments | undefined, b: Attachments | undefined): boolean {
  return JSON.stringify(a?.map(canonical)) === JSON.stringify(b?.map(canonical));
}

function canonical({ master, netAddress, addresses }: AllocatedNic): unknown[] {
  return [master ?? '', netAddress, addresses];
}

function isAttachment(value: unknown): value is AllocatedNic {
  if (typeof value !== 'object' || value === null) return false;
  const { master, netAddress, addresses } = value as Partial<Record<keyof AllocatedNic, unknown>>;
  return (
    (master === undefined || typeof master === 'string') &&
    typeof netAddress === 'string' &&
    Array.isArray(addresses) &&
    addresses.every(address => typeof address === 'string')
  );
}
