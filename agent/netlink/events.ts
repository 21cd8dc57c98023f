import { parseAddressInfo } from './address.ts';
import type { Message } from './codec.ts';
import { AF, RTM, RTNLGRP } from './constants.ts';
import { parseLink } from './link.ts';
import { parseRoute } from './route.ts';
import { parseRule } from './rule.ts';
import type { AddressInfo, LinkInfo, RouteInfo, RuleInfo } from './types.ts';

/** What can be listened to. */
export type MonitorGroup =
  'link' | 'ipv4-address' | 'ipv6-address' | 'ipv4-route' | 'ipv6-route' | 'ipv4-rule' | 'ipv6-rule';

/** What a monitor wants to hear. */
export interface Subscription {
  readonly groups: readonly MonitorGroup[];
  /**
   * Leaves out the adding and replacing of routes with that protocol number (not their deletion): whoever adds tens of thousands does not
   * want to hear of them, nor to lose other events because they filled the queue.
   */
  readonly exceptNewRoutesOf?: number;
}

/** 'new' also stands for changes. */
export type MonitorAction = 'new' | 'del';

export type MonitorEvent =
  | { readonly type: 'link'; readonly action: MonitorAction; readonly link: LinkInfo }
  | { readonly type: 'address'; readonly action: MonitorAction; readonly address: AddressInfo }
  | { readonly type: 'route'; readonly action: MonitorAction; readonly route: RouteInfo }
  | { readonly type: 'rule'; readonly action: MonitorAction; readonly rule: RuleInfo }
  /**
   * Events have been lost, so that what is known has to be listed again: the kernel's queue ran over ('overrun'), the
   * reader was too slow ('slow-reader'), or what listens was replaced ('restart'). Where koffi has no build, this is
   * the only event: something unknown has changed ('change').
   */
  | { readonly type: 'resync'; readonly reason: 'overrun' | 'slow-reader' | 'restart' | 'change' };

const groupNumbers: Readonly<Record<MonitorGroup, number>> = {
  link: RTNLGRP.LINK,
  'ipv4-address': RTNLGRP.IPV4_IFADDR,
  'ipv6-address': RTNLGRP.IPV6_IFADDR,
  'ipv4-route': RTNLGRP.IPV4_ROUTE,
  'ipv6-route': RTNLGRP.IPV6_ROUTE,
  'ipv4-rule': RTNLGRP.IPV4_RULE,
  'ipv6-rule': RTNLGRP.IPV6_RULE,
};

/** RTNLGRP_* of a group. */
export function groupNumber(group: MonitorGroup): number {
  return groupNumbers[group];
}

/** The event in a multicast message; undefined for messages and families that this layer leaves alone. */
export function parseEvent({ type, payload }: Message): MonitorEvent | undefined {
  switch (type) {
    case RTM.NEWLINK:
    case RTM.DELLINK:
      return isOfProtocol(payload) ? undefined : { type: 'link', action: actionOf(type), link: parseLink(payload) };
    case RTM.NEWADDR:
    case RTM.DELADDR: {
      const address = parseAddressInfo(payload);
      return address && { type: 'address', action: actionOf(type), address };
    }
    case RTM.NEWROUTE:
    case RTM.DELROUTE: {
      const route = parseRoute(payload);
      return route && { type: 'route', action: actionOf(type), route };
    }
    case RTM.NEWRULE:
    case RTM.DELRULE: {
      const rule = parseRule(payload);
      return rule && { type: 'rule', action: actionOf(type), rule };
    }
    default:
      return undefined;
  }
}

/** Bridges tell of their ports (AF_BRIDGE) without what these are; that a port is deleted there means that it has left the bridge. */
function isOfProtocol(payload: Buffer): boolean {
  return payload.readUInt8(0) !== AF.UNSPEC;
}

/** Message types come in fours: new, delete, get, set. */
function actionOf(type: number): MonitorAction {
  return (type & 3) === 0 ? 'new' : 'del';
}
