import { defined } from '../../../core/defined.ts';
import type { Family, Rule, RuleAction, RuleInfo } from '../types.ts';
import type { IpRuleJson } from './json.ts';
import { canonical } from './readAddress.ts';

/** With -N `ip` prints FR_ACT_* (fib_rules.h), without it words; nothing for 'lookup'. */
const actions: Readonly<Record<string, RuleAction>> = {
  1: 'lookup',
  6: 'blackhole',
  7: 'unreachable',
  8: 'prohibit',
  blackhole: 'blackhole',
  unreachable: 'unreachable',
  prohibit: 'prohibit',
};
const everyBit = 0xffffffff;

/** Reads one rule of `ip -N -j -d -4 rule show` or -6. */
export function readRule(rule: IpRuleJson, family: Family): RuleInfo {
  const { priority, table = 0, iif, oif, fwmark, fwmask, protocol, suppress_prefixlen: suppress } = rule;
  return {
    family,
    table: Number(table),
    priority,
    action: actionOf(rule),
    ...network('from', family, rule.src, rule.srclen),
    ...network('to', family, rule.dst, rule.dstlen),
    // The mask of every bit is not printed.
    ...(fwmark !== undefined && { fwmark: Number(fwmark), fwmask: Number(fwmask ?? everyBit) }),
    ...(protocol !== undefined && { protocol: Number(protocol) }),
    ...(rule.not === null && { not: true }),
    ...defined({ iif, oif, suppressPrefixLength: suppress }),
  };
}

function actionOf(rule: IpRuleJson): RuleAction {
  if ('goto' in rule || 'nop' in rule) return 'other';
  return rule.action === undefined ? 'lookup' : (actions[rule.action] ?? 'other');
}

function network(key: 'from' | 'to', family: Family, address?: string, length?: number): Partial<Rule> {
  if (address === undefined || address === 'all') return {};
  return { [key]: `${canonical(address)}/${length ?? (family === 4 ? 32 : 128)}` };
}
