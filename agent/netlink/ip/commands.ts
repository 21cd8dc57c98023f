import { isPackable, type PackableOp } from '../changes.ts';
import type { AddressAdd, AddressDel, ChangeOp, NeighbourChange, RuleChange } from '../types.ts';
import { linkWords } from './linkCommands.ts';
import { routeWords } from './routeCommands.ts';
import { device, flag, type NameOf, option, verb } from './words.ts';

/** The words after `ip` that do what an operation says (ip-link(8) and so on). */
export function wordsOf(op: ChangeOp, nameOf: NameOf): string[] {
  return isPackable(op) ? packableWords(op) : linkWords(op, nameOf);
}

function packableWords(op: PackableOp): string[] {
  switch (op.op) {
    case 'address.add':
    case 'address.del':
      return addressWords(op);
    case 'route.add':
    case 'route.append':
    case 'route.replace':
    case 'route.del':
      return routeWords(op);
    case 'rule.add':
    case 'rule.del':
      return ruleWords(op);
    case 'neighbour.replace':
      return neighbourWords(op);
  }
}

function addressWords(op: AddressAdd | AddressDel): string[] {
  // Where there is a peer the prefix length is the peer's.
  const local = op.peer === undefined ? op.address : op.address.slice(0, op.address.indexOf('/'));
  const properties =
    op.op === 'address.del'
      ? []
      : [
          ...option('broadcast', op.broadcast),
          ...option('scope', op.scope),
          ...flag('nodad', op.noDad),
          ...flag('noprefixroute', op.noPrefixRoute),
        ];
  const action = op.op === 'address.add' && op.replace === true ? 'replace' : verb(op.op);
  return ['address', action, local, ...option('peer', op.peer), ...properties, 'dev', device(op.dev)];
}

function ruleWords(op: RuleChange): string[] {
  return [
    ...['rule', verb(op.op)],
    ...option('from', op.from),
    ...option('priority', op.priority),
    ...option('protocol', op.protocol),
    // Table 0 is what the kernel says of a rule without one.
    ...option('table', op.table === 0 ? undefined : op.table),
  ];
}

/** The words before those of an operation: `ip` does not see a rule's family in its networks. */
export function optionsOf(op: ChangeOp): readonly string[] {
  if (op.op !== 'rule.add' && op.op !== 'rule.del') return [];
  const isIpv6 = op.from === undefined ? op.family === 6 : op.from.includes(':');
  return [isIpv6 ? '-6' : '-4'];
}

function neighbourWords(op: NeighbourChange): string[] {
  return ['neighbour', verb(op.op), op.address, 'lladdr', op.mac, 'nud', 'permanent', 'dev', device(op.dev)];
}
