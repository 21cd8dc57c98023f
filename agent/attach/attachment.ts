import { createHash } from 'node:crypto';
import type { ResultRoute } from '../../core/cni/result.ts';
import type { Delegate } from '../../core/delegate/delegate.ts';
import type { Family } from '../../core/net/address.ts';
import type { IpCidr } from '../../core/net/cidr.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import { hostEndPrefix } from '../base/ownership.ts';
import type { Plugin } from '../delegate/plugin.ts';

/** One attachment to be made: everything is decided. */
export interface Attachment {
  /** When the call for it came, RFC 3339. */
  readonly since: string;
  readonly containerId: string;
  /** Interface name of the attachment, for example net1. */
  readonly ifname: string;
  readonly callIfname: string;
  readonly configName: string;
  readonly netns: string;
  readonly network: string;
  readonly plugin: Plugin;
  readonly pod: { readonly uid: string; readonly namespace: string; readonly name: string };
  readonly pool?: string;
  /** CNI_ARGS and CNI_PATH of the call, for the plugins that are called in turn. */
  readonly call: { readonly args: string; readonly path: string };
  readonly nics: readonly AttachmentNic[];
  /** The network's host subnets, where rails may be. */
  readonly masterNets: readonly IpCidr[];
  /** spec.ipam.routes, without default routes that the pod's selection overrides; one destination with several gateways is a multipath route. */
  readonly routes: readonly ResultRoute[];
  /** Routes that plugins have made, where the pod is on rails: every address has to have them. */
  readonly pluginRoutes?: readonly ResultRoute[];
  /** Gateways of default routes that replace the pod's others. */
  readonly defaultRoute: readonly string[];
  /** Families whose default route the pod's selection gives to an attachment, this one or another: the pod keeps no other. */
  readonly defaultFamilies: readonly Family[];
  /** spec.plugin.dns, for the result. */
  readonly dns: Readonly<Record<string, unknown>>;
}

export interface AttachmentNic {
  /** Name of the link in the pod: linkName(). */
  readonly name: string;
  /** The host's NIC. */
  readonly master: string;
  /** With their prefix lengths; empty until a delegate has given them. */
  readonly addresses: readonly string[];
  /** Next hops that an IPAM plugin gave with the addresses, for routes that name none. */
  readonly gateways?: readonly string[];
  readonly mac?: string;
  /** For a ptp link, which does not inherit one from the host's NIC. */
  readonly mtu?: number;
  /** Another plugin that makes the interface, or gives its addresses. */
  readonly delegate?: Delegate;
  /** Plugins that follow once the interface is there, in their order. */
  readonly chain?: readonly Delegate[];
  /** A NIC of the host itself goes into the pod. */
  readonly moves?: MovedNic;
}

/** A NIC of the host that goes into a pod as it is. */
export interface MovedNic {
  /** On the host. */
  readonly name: string;
  /** PCI address, where a device plugin handed it out. */
  readonly device?: string;
  /** The host's addresses on it, with their prefix lengths; it loses them when it is moved. */
  readonly hostAddresses: readonly string[];
}

/** `10.0.0.5/19` → `10.0.0.5/32`. */
export function hostAddress(address: string, family: Family): string {
  return `${withoutPrefix(address)}/${family === 4 ? 32 : 128}`;
}

/** Name of the host end of a ptp link: derived from sandbox and link, so it is found again without any record. */
export function hostEndName(containerId: string, link: string): string {
  return hostEndPrefix + digest(containerId, link, 'name').toString('hex').slice(0, 12);
}

/**
 * Hardware address of an end of a ptp link, known before the link is made so that both ends can have a permanent neighbour entry for
 * each other. Locally administered, unicast (IEEE 802, U/L bit 1, I/G bit 0).
 */
export function ptpMac(containerId: string, link: string, end: 'pod' | 'host'): string {
  const bytes = digest(containerId, link, end).subarray(0, 6);
  bytes.writeUInt8((bytes.readUInt8(0) & 0xfc) | 0x02, 0);
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(':');
}

function digest(containerId: string, link: string, purpose: string): Buffer {
  return createHash('sha256').update(`${containerId}\0${link}\0${purpose}`).digest();
}
