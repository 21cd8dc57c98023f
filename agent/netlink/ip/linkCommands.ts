import type { LinkChange } from '../changes.ts';
import type { AltNameChange, LinkAdd, LinkSet } from '../types.ts';
import { device, flag, type NameOf, option, verb } from './words.ts';

/** The words of a change of links. */
export function linkWords(op: LinkChange, nameOf: NameOf): string[] {
  switch (op.op) {
    case 'link.add':
      return linkAddWords(op, nameOf);
    case 'link.set':
      return linkSetWords(op, nameOf);
    case 'link.del':
      return ['link', 'del', 'dev', device(op.dev)];
    case 'link.delGroup':
      return ['link', 'del', 'group', String(op.group)];
    case 'altname.add':
    case 'altname.del':
      return altNameWords(op);
  }
}

/** ip-link(8), "ip link add". */
function linkAddWords(op: LinkAdd, nameOf: NameOf): string[] {
  return [
    ...['link', 'add'],
    ...('parent' in op ? ['link', device(op.parent)] : []),
    ...['name', op.name],
    ...option('mtu', op.mtu),
    ...option('address', op.mac),
    ...option('alias', op.alias),
    ...flag('up', op.up),
    ...option('netns', op.targetNetns === undefined ? undefined : nameOf(op.targetNetns)),
    ...['type', op.kind],
    ...kindWords(op, nameOf),
  ];
}

function kindWords(op: LinkAdd, nameOf: NameOf): string[] {
  switch (op.kind) {
    case 'ipvlan':
      return ['mode', op.mode, 'bridge'];
    case 'macvlan':
      return ['mode', op.mode];
    case 'veth': {
      const { name, netns, mtu, mac } = op.peer;
      return [
        ...['peer', 'name', name],
        ...option('mtu', mtu),
        ...option('address', mac),
        ...option('netns', netns === undefined ? undefined : nameOf(netns)),
      ];
    }
    case 'dummy':
    case 'bridge':
      return [];
  }
}

/** ip-link(8), "ip link set". */
function linkSetWords(op: LinkSet, nameOf: NameOf): string[] {
  return [
    ...['link', 'set', 'dev', device(op.dev)],
    ...option('name', op.name),
    ...option('mtu', op.mtu),
    ...option('address', op.mac),
    ...option('alias', op.alias),
    ...option('group', op.group),
    ...(op.up === undefined ? [] : [op.up ? 'up' : 'down']),
    ...option('netns', op.netns === undefined ? undefined : nameOf(op.netns)),
  ];
}

/** ip-link(8), "ip link property". */
function altNameWords(op: AltNameChange): string[] {
  return ['link', 'property', verb(op.op), 'dev', device(op.dev), 'altname', op.altName];
}
