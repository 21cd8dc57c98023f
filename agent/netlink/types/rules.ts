import type { Family, OpBase } from './common.ts';

/** What this layer sets, and reads, of a rule: which packets look up which table. Others' rules may have more. */
export interface Rule {
  /** Needed only where `from` does not tell it; default 4. */
  readonly family?: Family;
  readonly from?: string;
  readonly table?: number;
  /** Lower ones come first. */
  readonly priority?: number;
  /** Origin of the rule (FRA_PROTOCOL). */
  readonly protocol?: number;
}
export interface RuleInfo extends Rule {
  readonly family: Family;
  readonly table: number;
  readonly priority: number;
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
