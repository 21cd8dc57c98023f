import type { LinkRef, NetnsPath, OpBase } from './common.ts';

export type IpvlanMode = 'l2' | 'l3' | 'l3s';
export type MacvlanMode = 'bridge' | 'private' | 'vepa' | 'passthru';

export interface LinkInfo {
  readonly index: number;
  readonly name: string;
  readonly altNames: readonly string[];
  readonly alias: string | null;
  /** Hardware type (if_arp.h): 1 Ethernet, 32 InfiniBand, 772 loopback. */
  readonly hardwareType: number;
  /** Hardware address; null where the link has none. */
  readonly mac: string | null;
  /** Permanent hardware address; null if the driver reports none or the kernel is older than 5.6. */
  readonly permanentMac: string | null;
  readonly mtu: number;
  readonly up: boolean;
  readonly lowerUp: boolean;
  readonly loopback: boolean;
  /** 'ipvlan', 'veth', …; null for physical NICs. */
  readonly kind: string | null;
  /** IFLA_LINK: the index of an ipvlan's, macvlan's or vlan's parent or of a veth's peer, in the namespace linkNetnsId. */
  readonly parentIndex: number | null;
  /** Namespace of the parent or peer as this namespace numbers it; null where it is the same one. */
  readonly linkNetnsId: number | null;
  /** Index of the bridge, bond or VRF that this link is a port of. */
  readonly master: number | null;
  readonly masterKind: string | null;
  /** Device that the NIC is a function of, for example '0000:3b:00.0' (kernel 5.14 and later). */
  readonly parentDevice: string | null;
  readonly ipvlan: { readonly mode: IpvlanMode } | null;
  readonly macvlan: { readonly mode: MacvlanMode } | null;
}

export interface LinkList extends OpBase {
  readonly op: 'link.list';
}
export interface LinkGet extends OpBase {
  readonly op: 'link.get';
  readonly dev: LinkRef;
}

interface NewLink extends OpBase {
  readonly op: 'link.add';
  readonly name: string;
  /** Make the link in that namespace instead of the batch's; `parent` is still looked up in the batch's. */
  readonly targetNetns?: NetnsPath;
  readonly mtu?: number;
  readonly mac?: string;
  readonly alias?: string;
  readonly up?: boolean;
}
export interface AddIpvlan extends NewLink {
  readonly kind: 'ipvlan';
  readonly parent: LinkRef;
  readonly mode: IpvlanMode;
}
export interface AddMacvlan extends NewLink {
  readonly kind: 'macvlan';
  readonly parent: LinkRef;
  readonly mode: MacvlanMode;
}
export interface AddVeth extends NewLink {
  readonly kind: 'veth';
  /** The other end. The kernel refuses to bring it up in the same step: `link.set` does that afterwards. */
  readonly peer: {
    readonly name: string;
    readonly netns?: NetnsPath;
    readonly mtu?: number;
    readonly mac?: string;
  };
}
export interface AddPlain extends NewLink {
  readonly kind: 'dummy' | 'bridge';
}
export type LinkAdd = AddIpvlan | AddMacvlan | AddVeth | AddPlain;

/** Changes only what is given. */
export interface LinkSet extends OpBase {
  readonly op: 'link.set';
  readonly dev: LinkRef;
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  /** The new name; older kernels refuse to rename a link that is up (EBUSY). */
  readonly name?: string;
  /** Move the link into that namespace. */
  readonly netns?: NetnsPath;
  /** '' removes it. */
  readonly alias?: string;
  /** Number of a group of links in the namespace that can be removed together; 0 is the default group. */
  readonly group?: number;
}
/**
 * Removes every link of a group: all, or none where one of them cannot be removed. ENODEV where there is none. The kernel waits once
 * for all of them, and not once per link, until nothing refers to them (RCU, tens of milliseconds).
 */
export interface LinkDelGroup extends OpBase {
  readonly op: 'link.delGroup';
  readonly group: number;
}
export interface LinkDel extends OpBase {
  readonly op: 'link.del';
  readonly dev: LinkRef;
}
/** Alternative names (kernel 5.5 and later), up to 127 bytes. */
export interface AltNameChange extends OpBase {
  readonly op: 'altname.add' | 'altname.del';
  readonly dev: LinkRef;
  readonly altName: string;
}
