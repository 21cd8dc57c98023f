import type { Delegate } from '../../core/delegate/delegate.ts';
import { formatAddress, parseAddress } from '../../core/net/address.ts';
import type { NicUse } from '../../core/network/nicUse.ts';
import { mainTable } from '../netlink/constants.ts';
import type { NextHop, Route } from '../netlink/types.ts';

/** Version of the files' form; a file of another version is left alone and reported. */
export const checkpointVersion = 1;

/**
 * What the agent made, or was about to make, for one attachment of one sandbox. It is written before the first link is made, so
 * whatever a crash at any point leaves in a pod or on the host is named here.
 */
export interface CheckpointEntry {
  version: typeof checkpointVersion;
  /** `intent`: some of it may not exist (yet). */
  state: 'intent' | 'done';
  containerId: string;
  /** Interface name of the attachment, for example net1; its links are net1-0, net1-1, … */
  ifname: string;
  /** CNI_IFNAME of the call that asked for it: `ifname`, or in chained mode the primary interface's name. */
  callIfname: string;
  /** `name` of the configuration that the call came with. */
  configName: string;
  netns: string;
  /** The identity of the namespace at that path: later, the path may be another one's. */
  netnsId: string;
  network: string;
  type: string;
  /** How the links use the host's NICs, where they share them with others. */
  use?: NicUse;
  pod: { uid: string; namespace: string; name: string };
  /** The IPPool with the record; absent where another IPAM plugin gives the addresses. */
  pool?: string;
  /** CNI_ARGS and CNI_PATH of the ADD, with which the plugins that it called are called again. Absent if there were none. */
  call?: { args: string; path: string };
  links: CheckpointLink[];
  /** When the call for it came, RFC 3339: of two sandboxes of a pod the later one counts. */
  since: string;
}

/** One link in the pod. */
export interface CheckpointLink {
  name: string;
  /** The host's NIC that it is on. */
  master?: string;
  /** Of that NIC, where it is shared; known once done. A NIC keeps its index under another name. */
  masterIndex?: number;
  /** Name of the other end on the host, where the type has one. */
  hostEnd?: string;
  /** With their prefix lengths. */
  addresses: string[];
  /** The routes in the pod that the agent added: destinations, with ` table N` where that is not the main one. */
  routes: string[];
  /** The gateways of each of them. Absent from entries of older agents. */
  gateways?: Record<string, string[]>;
  /** Routing rules in the pod: what comes from that address is looked up in that table. */
  rules?: { from: string; table: number }[];
  /** Another plugin that is involved in the link. Written before it is called for the first time. */
  delegate?: CheckpointDelegate;
  /** Plugins that followed, in their order. Each is written before it is called for the first time. */
  chain?: CheckpointDelegate[];
  /** A NIC of the host itself went into the pod. */
  moves?: CheckpointMove;
  /** Known once done. */
  mac?: string;
}

/** A NIC of the host that went into a pod, and its state on the host. Absent fields were not recorded. */
export interface CheckpointMove {
  /** Absent: the link's `master`. */
  name?: string;
  /** PCI address. */
  device?: string;
  /** With their prefix lengths. */
  hostAddresses: readonly string[];
  /** The boot of the host in which it was recorded. */
  bootId?: string;
  mac?: string;
  /** Bytes. */
  mtu?: number;
  up?: boolean;
  altNames?: readonly string[];
  /** What its plugin left it with in the pod, known once done: its index there, and the alias, in which plugins note its name on the host. */
  inPod?: { readonly index: number; readonly alias: string | null };
}

export interface CheckpointDelegate extends Delegate {
  /** What its ADD printed; absent until it has answered. */
  printed?: Record<string, unknown>;
}

/** The result of all plugins that have answered for the link: what CHECK, and DEL of those that followed, are called with. */
export function lastPrinted({ delegate, chain = [] }: CheckpointLink): CheckpointDelegate['printed'] {
  return chain.findLast(({ printed }) => printed)?.printed ?? delegate?.printed;
}

/** What identifies an entry: the sandbox, and the attachment in it. */
export function entryKey({ containerId, ifname }: Pick<CheckpointEntry, 'containerId' | 'ifname'>): string {
  return `${containerId}@${ifname}`;
}

/** How an entry names a route in the pod. */
export function routeName({ dst, table = mainTable }: { dst: string; table?: number }): string {
  return table === mainTable ? dst : `${dst} table ${table}`;
}

/** The gateways of a route, as the kernel writes them. */
export function gatewaysOf(route: Route): string[] {
  return hopsOf(route).flatMap(({ gateway }) => (gateway === undefined ? [] : formatAddress(parseAddress(gateway))));
}

/** The next hops of a route: its own where it has only one. */
export function hopsOf(route: Route): readonly NextHop[] {
  return route.nexthops ?? [route];
}

/** Whether a parsed file is an entry of this version. */
export function isEntry(value: unknown): value is CheckpointEntry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Partial<Record<keyof CheckpointEntry, unknown>>;
  const texts = [
    'containerId',
    'ifname',
    'callIfname',
    'configName',
    'netns',
    'netnsId',
    'network',
    'type',
    'since',
  ] as const;
  return (
    entry.version === checkpointVersion &&
    (entry.state === 'intent' || entry.state === 'done') &&
    texts.every(key => typeof entry[key] === 'string') &&
    typeof entry.pod === 'object' &&
    Array.isArray(entry.links)
  );
}
