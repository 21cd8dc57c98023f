import type { Family, OpBase } from './common.ts';

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
  /** Lower ones come first. */
  readonly priority?: number;
  /** Origin of the rule (FRA_PROTOCOL). */
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
