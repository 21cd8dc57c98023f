import { type Attributes, readText, readUint, type Writer } from './attributes.ts';
import { afOf, familyOf, parseRuleHeader, writeMessage, writeRuleHeader } from './codec.ts';
import { FIB_RULE_INVERT, FRA, NLM_F, RTM } from './constants.ts';
import { formatNetwork, InvalidArgument, type NetworkBytes, parseNetwork } from './text.ts';
import type { Family, Rule, RuleAction, RuleChange, RuleInfo, RuleList } from './types.ts';

const change = NLM_F.REQUEST | NLM_F.ACK;
/** fib_rules.h, FR_ACT_*. */
const actions: Partial<Record<number, RuleAction>> = { 1: 'lookup', 6: 'blackhole', 7: 'unreachable', 8: 'prohibit' };

export function writeRuleDump(writer: Writer, sequence: number, op: RuleList): void {
  writeMessage(writer, { type: RTM.GETRULE, flags: NLM_F.REQUEST | NLM_F.DUMP, sequence }, () => {
    writeRuleHeader(writer, { family: afOf(op.family) });
  });
}

/** RTM_NEWRULE or RTM_DELRULE. A deletion removes the first rule that matches all that is given. */
export function writeRuleChange(writer: Writer, sequence: number, op: RuleChange): void {
  const adds = op.op === 'rule.add';
  const from = op.from === undefined ? undefined : parseNetwork(op.from);
  const to = op.to === undefined ? undefined : parseNetwork(op.to);
  const family = ruleFamily(op, from, to);
  const table = op.table ?? 0;
  const type = adds ? RTM.NEWRULE : RTM.DELRULE;
  writeMessage(writer, { type, flags: adds ? change | NLM_F.CREATE | NLM_F.EXCL : change, sequence }, () => {
    writeRuleHeader(writer, {
      family: afOf(family),
      srcLength: from?.prefixLength ?? 0,
      dstLength: to?.prefixLength ?? 0,
      table: table < 256 ? table : 0,
      action: actionNumber(op.action, adds),
      flags: op.not === true ? FIB_RULE_INVERT : 0,
    });
    if (from !== undefined && from.prefixLength > 0) writer.attribute(FRA.SRC, from.bytes);
    if (to !== undefined && to.prefixLength > 0) writer.attribute(FRA.DST, to.bytes);
    if (op.iif !== undefined) writer.text(FRA.IIFNAME, op.iif);
    if (op.oif !== undefined) writer.text(FRA.OIFNAME, op.oif);
    writeNumbers(writer, op);
  });
}

function writeNumbers(writer: Writer, op: RuleChange): void {
  if (op.table !== undefined) writer.uint32(FRA.TABLE, op.table);
  if (op.priority !== undefined) writer.uint32(FRA.PRIORITY, op.priority);
  if (op.fwmark !== undefined) writer.uint32(FRA.FWMARK, op.fwmark);
  if (op.fwmask !== undefined) writer.uint32(FRA.FWMASK, op.fwmask);
  if (op.suppressPrefixLength !== undefined) writer.uint32(FRA.SUPPRESS_PREFIXLEN, op.suppressPrefixLength);
  if (op.protocol !== undefined) writer.uint8(FRA.PROTOCOL, op.protocol);
}

function ruleFamily(rule: Rule, from: NetworkBytes | undefined, to: NetworkBytes | undefined): Family {
  const families = new Set([rule.family, from?.family, to?.family].filter(family => family !== undefined));
  if (families.size > 1) throw new InvalidArgument('a rule is of one family');
  const [family = 4] = families;
  return family;
}

function actionNumber(action: RuleAction | undefined, adds: boolean): number {
  if (action === undefined) return adds ? 1 : 0;
  for (const [number, name] of Object.entries(actions)) if (name === action) return Number(number);
  throw new InvalidArgument(`"${action}" is not an action that a rule can be given`);
}

/** Reads the payload of RTM_NEWRULE and RTM_DELRULE; undefined for other families. */
export function parseRule(payload: Buffer): RuleInfo | undefined {
  const { header, attributes } = parseRuleHeader(payload);
  const family = familyOf(header.family);
  if (family === undefined) return undefined;
  const suppress = readUint(attributes, FRA.SUPPRESS_PREFIXLEN);
  return {
    family,
    table: readUint(attributes, FRA.TABLE) ?? header.table,
    priority: readUint(attributes, FRA.PRIORITY) ?? 0,
    action: actions[header.action] ?? 'other',
    ...network('from', family, attributes.get(FRA.SRC), header.srcLength),
    ...network('to', family, attributes.get(FRA.DST), header.dstLength),
    ...text('iif', attributes, FRA.IIFNAME),
    ...text('oif', attributes, FRA.OIFNAME),
    ...number('fwmark', attributes, FRA.FWMARK),
    ...number('fwmask', attributes, FRA.FWMASK),
    ...number('protocol', attributes, FRA.PROTOCOL),
    ...((header.flags & FIB_RULE_INVERT) !== 0 ? { not: true } : {}),
    // The kernel's -1 means none.
    ...(suppress === undefined || suppress === 0xffffffff ? {} : { suppressPrefixLength: suppress }),
  };
}

function network(key: 'from' | 'to', family: Family, bytes: Buffer | undefined, prefixLength: number): Partial<Rule> {
  return bytes === undefined ? {} : { [key]: formatNetwork(family, bytes, prefixLength) };
}

function text(key: 'iif' | 'oif', attributes: Attributes, type: number): Partial<Rule> {
  const value = readText(attributes, type);
  return value === undefined ? {} : { [key]: value };
}

function number(key: 'fwmark' | 'fwmask' | 'protocol', attributes: Attributes, type: number): Partial<Rule> {
  const value = readUint(attributes, type);
  return value === undefined ? {} : { [key]: value };
}
