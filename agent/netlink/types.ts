/**
 * The operations of the netlink layer and what they return: plain data. Addresses are text ('10.1.0.5', 'fd00::5'), networks are
 * 'address/prefix', hardware addresses are 'aa:bb:cc:dd:ee:ff', sizes are bytes.
 */
import type { AddressAdd, AddressInfo, AddressList } from './types/addresses.ts';
import type { ErrnoName } from './types/common.ts';
import type {
  AltNameChange,
  LinkAdd,
  LinkDel,
  LinkDelGroup,
  LinkGet,
  LinkInfo,
  LinkList,
  LinkSet,
} from './types/links.ts';
import type { NeighbourChange } from './types/neighbours.ts';
import type { RouteChange, RouteInfo, RouteList } from './types/routes.ts';
import type { RuleChange, RuleInfo, RuleList } from './types/rules.ts';
import type { SysctlGet, SysctlSet } from './types/sysctls.ts';

export type * from './types/addresses.ts';
export type { ErrnoName, Family, LinkRef, NetnsPath, Scope } from './types/common.ts';
export type * from './types/links.ts';
export type * from './types/neighbours.ts';
export type * from './types/routes.ts';
export type * from './types/rules.ts';
export type * from './types/sysctls.ts';

export type ChangeOp =
  LinkAdd | LinkSet | LinkDel | LinkDelGroup | AltNameChange | AddressAdd | RouteChange | RuleChange | NeighbourChange;
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

/** The results of a batch, one per operation, in the same order. */
export type ResultsOf<Ops extends readonly Op[]> = { -readonly [I in keyof Ops]: ResultOf<Ops[I]> };

/** Any result, if the type checker does not know the operations. */
export type Result = ResultOf<Op>;
