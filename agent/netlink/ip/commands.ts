import { isPackable, type PackableOp } from '../changes.ts';
import type { AddressAdd, ChangeOp, NeighbourChange, RuleChange } from '../types.ts';
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

function addressWords({ address, dev, noDad }: AddressAdd): string[] {
  return ['address', 'add', address, ...flag('nodad', noDad), 'dev', device(dev)];
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
