/**
 * The operations of the netlink layer and what they return: plain data, so that batches cross to the worker thread as
 * they are. Addresses are text ('10.1.0.5', 'fd00::5'), networks are 'address/prefix', hardware addresses are
 * 'aa:bb:cc:dd:ee:ff', sizes are bytes.
 */

/** A link of the batch's namespace, by name (alternative names count) or by interface index. */
export type LinkRef = string | number;
/** Path of a network namespace, for example /run/netns/x or /proc/123/ns/net. */
export type NetnsPath = string;
export type Family = 4 | 6;

export type IpvlanMode = 'l2' | 'l3' | 'l3s';
export type IpvlanFlag = 'bridge' | 'private' | 'vepa';
export type MacvlanMode = 'bridge' | 'private' | 'vepa' | 'passthru';
export type OperState = 'unknown' | 'notpresent' | 'down' | 'lowerlayerdown' | 'testing' | 'dormant' | 'up';
/** What a route does with a packet (rtnetlink.h, RTN_*). */
export type RouteType = 'unicast' | 'local' | 'broadcast' | 'anycast' | 'multicast' | UnroutableType;
export type UnroutableType = 'blackhole' | 'unreachable' | 'prohibit' | 'throw';
/** How far a destination is (rtnetlink.h, RT_SCOPE_*), or its number. */
export type Scope = 'global' | 'site' | 'link' | 'host' | 'nowhere' | number;

/** An errno's name, for example 'EEXIST'. */
export type ErrnoName = `E${string}`;

interface OpBase {
  /** Failures with these names do not stop the batch; the operation's result then says what happened. */
  readonly ignore?: readonly ErrnoName[];
}

// ---- links

export interface LinkInfo {
  readonly index: number;
  readonly name: string;
  readonly altNames: readonly string[];
  readonly alias: string | null;
  /** Hardware type (if_arp.h): 1 Ethernet, 32 InfiniBand, 772 loopback. */
  readonly hardwareType: number;
  /** Hardware address; null where the link has none. */
  readonly mac: string | null;
  /** Burnt-in hardware address; null where the driver tells none or the kernel is older than 5.6. */
  readonly permanentMac: string | null;
  readonly mtu: number;
  readonly minMtu: number | null;
  readonly maxMtu: number | null;
  /** IFF_* bits; the ones most asked for follow as booleans. */
  readonly flags: number;
  readonly up: boolean;
  readonly lowerUp: boolean;
  readonly running: boolean;
  readonly loopback: boolean;
  readonly operState: OperState;
  /** 'ipvlan', 'veth', …; null for physical NICs. */
  readonly kind: string | null;
  /** IFLA_LINK: the index of an ipvlan's, macvlan's or vlan's parent or of a veth's peer, in the namespace linkNetnsId. */
  readonly parentIndex: number | null;
  /** Namespace of the parent or peer as this namespace numbers it; null where it is the same one. */
  readonly linkNetnsId: number | null;
  /** Index of the bridge, bond or VRF that this link is a port of. */
  readonly master: number | null;
  readonly masterKind: string | null;
  readonly txQueueLength: number | null;
  /** Number of SR-IOV virtual functions switched on; null where the device has no SR-IOV. */
  readonly numVfs: number | null;
  readonly physPortName: string | null;
  /** Device that the NIC is a function of, for example bus 'pci', name '0000:3b:00.0' (kernel 5.14 and later). */
  readonly parentDevice: { readonly name: string; readonly bus: string | null } | null;
  readonly ipvlan: { readonly mode: IpvlanMode; readonly flag: IpvlanFlag } | null;
  readonly macvlan: { readonly mode: MacvlanMode } | null;
  readonly vlan: { readonly id: number; readonly protocol: '802.1Q' | '802.1ad' } | null;
  readonly vrf: { readonly table: number } | null;
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
  /** Ask for this interface index (in the target namespace); the kernel answers EBUSY where it is taken. */
  readonly index?: number;
  readonly mtu?: number;
  readonly mac?: string;
  readonly alias?: string;
  readonly up?: boolean;
  /** Port of that bridge or VRF of the target namespace. */
  readonly master?: LinkRef;
}
export interface AddIpvlan extends NewLink {
  readonly kind: 'ipvlan';
  readonly parent: LinkRef;
  readonly mode: IpvlanMode;
  /** Default 'bridge'. */
  readonly flag?: IpvlanFlag;
}
export interface AddMacvlan extends NewLink {
  readonly kind: 'macvlan';
  readonly parent: LinkRef;
  readonly mode: MacvlanMode;
}
export interface AddVlan extends NewLink {
  readonly kind: 'vlan';
  readonly parent: LinkRef;
  readonly id: number;
  /** Default '802.1Q'. */
  readonly protocol?: '802.1Q' | '802.1ad';
}
export interface AddVrf extends NewLink {
  readonly kind: 'vrf';
  readonly table: number;
}
export interface AddVeth extends NewLink {
  readonly kind: 'veth';
  /** The other end. The kernel refuses to bring it up in the same step: `link.set` does that afterwards. */
  readonly peer: {
    readonly name: string;
    readonly netns?: NetnsPath;
    readonly index?: number;
    readonly mtu?: number;
    readonly mac?: string;
  };
}
export interface AddPlain extends NewLink {
  readonly kind: 'dummy' | 'bridge';
}
export type LinkAdd = AddIpvlan | AddMacvlan | AddVlan | AddVrf | AddVeth | AddPlain;

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
  /** Make it a port of that bridge or VRF; null takes it out. */
  readonly master?: LinkRef | null;
  /** The number of a set of links of the namespace that can be removed together; 0 is everybody's. */
  readonly group?: number;
}
/**
 * Removes every link of a group: all, or none where one of them cannot be removed. ENODEV where there is none. The kernel waits for all
 * of them once, and not once a link, until nobody looks at them any more (RCU, tens of milliseconds).
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

// ---- addresses

export interface AddressInfo {
  readonly family: Family;
  /** Index of the link. */
  readonly dev: number;
  /** The link's own address with its prefix length. */
  readonly address: string;
  /** The other end of a point-to-point address with its prefix length. */
  readonly peer: string | null;
  readonly broadcast: string | null;
  readonly label: string | null;
  readonly scope: Scope;
  /** IFA_F_* bits; the ones most asked for follow as booleans. */
  readonly flags: number;
  readonly permanent: boolean;
  readonly noPrefixRoute: boolean;
  /** Duplicate address detection (RFC 4862 §5.4) still runs, or has found a duplicate. */
  readonly tentative: boolean;
  readonly dadFailed: boolean;
}
export interface AddressList extends OpBase {
  readonly op: 'address.list';
  readonly family?: Family;
  readonly dev?: LinkRef;
}
export interface AddressAdd extends OpBase {
  readonly op: 'address.add';
  readonly dev: LinkRef;
  readonly address: string;
  /** The other end of a point-to-point address, with its prefix length. */
  readonly peer?: string;
  readonly broadcast?: string;
  /** Default 'global', and 'host' for 127.0.0.0/8. */
  readonly scope?: Scope;
  /** IPv6: usable at once, without duplicate address detection. */
  readonly noDad?: boolean;
  /** Do not make the route to the address's network. */
  readonly noPrefixRoute?: boolean;
  /** Where the address exists, change what the kernel lets change (for IPv4 only lifetimes) instead of EEXIST. */
  readonly replace?: boolean;
}
export interface AddressDel extends OpBase {
  readonly op: 'address.del';
  readonly dev: LinkRef;
  readonly address: string;
  readonly peer?: string;
}

// ---- routes

export interface NextHop {
  readonly dev?: LinkRef;
  readonly gateway?: string;
  /** 1 to 256, default 1. */
  readonly weight?: number;
  /** Believe that the gateway is on the link although no route says so. */
  readonly onlink?: boolean;
}
/** What a route is; `route.del` needs only as much as tells it from others. */
export interface Route {
  /** '0.0.0.0/0' and '::/0' are the default routes. */
  readonly dst: string;
  /** Of the other family too: IPv4 by way of an IPv6 gateway (RTA_VIA). */
  readonly gateway?: string;
  readonly dev?: LinkRef;
  /** Default 254 (main). */
  readonly table?: number;
  /** Who made the route (RTPROT_*), default 4 (static). */
  readonly protocol?: number;
  /** Default as `ip route` has it: 'link' without a gateway, 'host' for local routes, else 'global'. */
  readonly scope?: Scope;
  /** Preferred source address. */
  readonly src?: string;
  /** Priority; the lower wins. The kernel's default is 0 for IPv4 and 1024 for IPv6. */
  readonly metric?: number;
  readonly onlink?: boolean;
  readonly nexthops?: readonly NextHop[];
  readonly mtu?: number;
  readonly advmss?: number;
  /** Default 'unicast'. */
  readonly type?: RouteType;
}
/** A route as the kernel has it. `{ op: 'route.del', ...info }` removes it; links are indexes. */
export interface RouteInfo extends Route {
  readonly family: Family;
  readonly dev?: number;
  readonly table: number;
  readonly protocol: number;
  readonly scope: Scope;
  readonly type: RouteType;
  readonly metric: number;
  /** RTNH_F_* and RTM_F_* bits. */
  readonly flags: number;
}
export interface RouteList extends OpBase {
  readonly op: 'route.list';
  /** Default both. */
  readonly family?: Family;
  readonly table?: number;
  readonly protocol?: number;
  readonly dev?: LinkRef;
}
/**
 * Where the kernel has a route to the same destination with the same metric, `add` fails with EEXIST, `replace` puts this one in its
 * place, and `append` puts it behind, as the kernel does with the routes of addresses in one subnet; in IPv6 routes with a gateway then
 * are one multipath route.
 */
export interface RouteChange extends Route, OpBase {
  readonly op: 'route.add' | 'route.append' | 'route.replace' | 'route.del';
}

// ---- rules

export interface Rule {
  /** Needed only where neither `from` nor `to` tells it; default 4. */
  readonly family?: Family;
  readonly from?: string;
  readonly to?: string;
  /** Names of links; the rule may be there before the link. */
  readonly iif?: string;
  readonly oif?: string;
  readonly fwmark?: number;
  readonly fwmask?: number;
  readonly table?: number;
  /** The lower is asked first. */
  readonly priority?: number;
  /** Who made the rule (FRA_PROTOCOL). */
  readonly protocol?: number;
  /** Default 'lookup' (of `table`). */
  readonly action?: RuleAction;
  /** Match what the selectors do not. */
  readonly not?: boolean;
  /** Ignore results with a prefix of this length or shorter. */
  readonly suppressPrefixLength?: number;
}
export type RuleAction = 'lookup' | 'blackhole' | 'unreachable' | 'prohibit' | 'other';
export interface RuleInfo extends Rule {
  readonly family: Family;
  readonly table: number;
  readonly priority: number;
  readonly action: RuleAction;
}
export interface RuleList extends OpBase {
  readonly op: 'rule.list';
  readonly family?: Family;
  readonly table?: number;
  readonly protocol?: number;
}
export interface RuleChange extends Rule, OpBase {
  readonly op: 'rule.add' | 'rule.del';
}

// ---- neighbours

/** A permanent entry, in the place of any other of that address: it goes with the link. */
export interface NeighbourChange extends OpBase {
  readonly op: 'neighbour.replace';
  readonly dev: LinkRef;
  readonly address: string;
  readonly mac: string;
}

// ---- the namespace itself

/** A value under /proc/sys/net of the batch's namespace; see sysctl.ts for the keys. */
export interface SysctlGet extends OpBase {
  readonly op: 'sysctl.get';
  /** Path under /proc/sys/net, for example 'ipv4/conf/eth0.100/rp_filter'. */
  readonly key: string;
}
export interface SysctlSet extends OpBase {
  readonly op: 'sysctl.set';
  readonly key: string;
  readonly value: string | number;
}

// ---- batches

export type ChangeOp =
  | LinkAdd
  | LinkSet
  | LinkDel
  | LinkDelGroup
  | AltNameChange
  | AddressAdd
  | AddressDel
  | RouteChange
  | RuleChange
  | NeighbourChange;
export type QueryOp = LinkList | LinkGet | AddressList | RouteList | RuleList;
export type SysctlOp = SysctlGet | SysctlSet;
export type Op = ChangeOp | QueryOp | SysctlOp;

/** What went wrong in one operation; plain data. NetlinkError carries it on the caller's side. */
export interface Failure {
  /** Index of the operation in the batch; -1 where the batch's namespace could not be entered. */
  readonly index: number;
  /** The operation's name, for example 'link.add'; 'netns.enter' with index -1. */
  readonly operation: string;
  /** What it was about: a link's name, a destination, a key, a path. */
  readonly target: string;
  readonly code: ErrnoName;
  /** Positive errno. */
  readonly errno: number;
  /** The kernel's own words (extended acknowledgement), where it had any. */
  readonly kernelText: string | null;
}

/** Result of an operation that changes something: done, or failed in a way that the batch ignored. */
export type Outcome = { readonly done: true } | { readonly done: false; readonly failure: Failure };

interface QueryResults {
  'link.list': LinkInfo[];
  'link.get': LinkInfo;
  'address.list': AddressInfo[];
  'route.list': RouteInfo[];
  'rule.list': RuleInfo[];
  'sysctl.get': string;
}

/** The result of one operation; a query whose failure is ignored gives null. */
export type ResultOf<O extends Op> = O extends { readonly op: keyof QueryResults }
  ? QueryResults[O['op']] | ('ignore' extends keyof O ? null : never)
  : Outcome;

/** The results of a batch, one an operation, in the same order. */
export type ResultsOf<Ops extends readonly Op[]> = { -readonly [I in keyof Ops]: ResultOf<Ops[I]> };

/** Any result, where the operations are not known to the type checker. */
export type Result = ResultOf<Op>;
