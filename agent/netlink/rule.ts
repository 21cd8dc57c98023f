import { readUint, type Writer } from './attributes.ts';
import { writeMessage } from './codec.ts';
import { FR_ACT_TO_TBL, FRA, NLM_F, RTM } from './constants.ts';
import { afOf, familyOf, parseRuleHeader, writeRuleHeader } from './headers.ts';
import { formatNetwork, parseNetwork } from './text.ts';
import type { RuleChange, RuleInfo, RuleList } from './types.ts';

const change = NLM_F.REQUEST | NLM_F.ACK;

/** Asks for all rules, or those of one family. */
export function writeRuleDump(writer: Writer, sequence: number, op: RuleList): void {
  writeMessage(writer, { type: RTM.GETRULE, flags: NLM_F.REQUEST | NLM_F.DUMP, sequence }, () => {
    writeRuleHeader(writer, { family: afOf(op.family) });
  });
}

/** RTM_NEWRULE or RTM_DELRULE. A deletion removes the first rule that matches all that is given. */
export function writeRuleChange(writer: Writer, sequence: number, op: RuleChange): void {
  const adds = op.op === 'rule.add';
  const from = op.from === undefined ? undefined : parseNetwork(op.from);
  const table = op.table ?? 0;
  const type = adds ? RTM.NEWRULE : RTM.DELRULE;
  writeMessage(writer, { type, flags: adds ? change | NLM_F.CREATE | NLM_F.EXCL : change, sequence }, () => {
    writeRuleHeader(writer, {
      family: afOf(from?.family ?? op.family ?? 4),
      srcLength: from?.prefixLength ?? 0,
      table: table < 256 ? table : 0,
      action: adds ? FR_ACT_TO_TBL : 0,
    });
    if (from !== undefined && from.prefixLength > 0) writer.attribute(FRA.SRC, from.bytes);
    if (op.table !== undefined) writer.uint32(FRA.TABLE, op.table);
    if (op.priority !== undefined) writer.uint32(FRA.PRIORITY, op.priority);
    if (op.protocol !== undefined) writer.uint8(FRA.PROTOCOL, op.protocol);
  });
}

/** Reads the payload of RTM_NEWRULE and RTM_DELRULE; undefined for other families. */
export function parseRule(payload: Buffer): RuleInfo | undefined {
  const { header, attributes } = parseRuleHeader(payload);
  const family = familyOf(header.family);
  if (family === undefined) return undefined;
  const from = attributes.get(FRA.SRC);
  const protocol = readUint(attributes, FRA.PROTOCOL);
  return {
    family,
    table: readUint(attributes, FRA.TABLE) ?? header.table,
    priority: readUint(attributes, FRA.PRIORITY) ?? 0,
    ...(from !== undefined && { from: formatNetwork(family, from, header.srcLength) }),
    ...(protocol !== undefined && { protocol }),
  };
}
