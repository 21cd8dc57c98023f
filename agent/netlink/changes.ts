import { writeAddressAdd } from './address.ts';
import type { Writer } from './attributes.ts';
import type { Context } from './context.ts';
import { writeAltName, writeLinkAdd, writeLinkDel, writeLinkDelGroup, writeLinkSet } from './linkRequests.ts';
import { writeNeighbourChange } from './neighbour.ts';
import { writeRouteChange } from './routeRequests.ts';
import { writeRuleChange } from './rule.ts';
import type { AddressAdd, ChangeOp, NeighbourChange, Op, RouteChange, RuleChange } from './types.ts';

export type PackableOp = AddressAdd | RouteChange | RuleChange | NeighbourChange;
export type LinkChange = Exclude<ChangeOp, PackableOp>;

/** Writes the request of an operation that changes something. Throws what the writers do: InvalidArgument, SystemError, … */
export function writeChange(writer: Writer, sequence: number, op: ChangeOp, context: Context): void {
  if (isPackable(op)) writePackable(writer, sequence, op, context);
  else writeLinkChange(writer, sequence, op, context);
}

function writeLinkChange(writer: Writer, sequence: number, op: LinkChange, context: Context): void {
  switch (op.op) {
    case 'link.add':
      return writeLinkAdd(writer, sequence, op, context);
    case 'link.set':
      return writeLinkSet(writer, sequence, op, context);
    case 'link.del':
      return writeLinkDel(writer, sequence, op, context);
    case 'link.delGroup':
      return writeLinkDelGroup(writer, sequence, op);
    case 'altname.add':
    case 'altname.del':
      return writeAltName(writer, sequence, op, context);
  }
}

function writePackable(writer: Writer, sequence: number, op: PackableOp, context: Context): void {
  switch (op.op) {
    case 'address.add':
      return writeAddressAdd(writer, sequence, op, context);
    case 'route.add':
    case 'route.append':
    case 'route.replace':
    case 'route.del':
      return writeRouteChange(writer, sequence, op, context);
    case 'rule.add':
    case 'rule.del':
      return writeRuleChange(writer, sequence, op);
    case 'neighbour.replace':
      return writeNeighbourChange(writer, sequence, op, context);
  }
}

/** Whether an operation may travel with others in one send: those that come in thousands, and change no link. */
export function isPackable(op: Op): op is PackableOp {
  return /^(address|route|rule|neighbour)\.(add|append|replace|del)$/.test(op.op);
}

/** Whether an operation changes something, so that its result is an Outcome. */
export function isChange(op: Op): boolean {
  return !/\.(list|get)$/.test(op.op);
}
