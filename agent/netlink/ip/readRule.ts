import type { Family, RuleInfo } from '../types.ts';
import type { IpRuleJson } from './json.ts';
import { canonical } from './readAddress.ts';

/** Reads one rule of `ip -N -j -d -4 rule show` or -6. */
export function readRule({ priority, table, protocol, src, srclen }: IpRuleJson, family: Family): RuleInfo {
  const length = srclen ?? (family === 4 ? 32 : 128);
  return {
    family,
    table: Number(table ?? 0),
    priority,
    ...(src !== undefined && src !== 'all' && { from: `${canonical(src)}/${length}` }),
    ...(protocol !== undefined && { protocol: Number(protocol) }),
  };
}
