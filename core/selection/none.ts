import type { Member } from '../layout/members.ts';
import type { NicRequest } from './request.ts';

/** What a selection came to: the NICs in the order of the pod's interfaces, or what the host lacks. */
export type Selection = { ok: true; members: Member[] } | { ok: false; lacks: string };

/**
 * Strategy `none`: the NICs that the pod names, else all of the network's on the host, in the network's order; then the first `nics`
 * of them. A NIC whose link is down is passed over; naming one, or asking for more than there are, is refused.
 */
export function selectNone(members: readonly Member[], request: NicRequest): Selection {
  const usable = members.filter(({ nic }) => nic.linkState !== 'down');
  const named = request.masters ? selectNamed(usable, request.masters) : { ok: true as const, members: usable };
  if (!named.ok) return named;
  const count = request.nics ?? named.members.length;
  if (named.members.length === 0) return { ok: false, lacks: 'a NIC of the network with its link up' };
  if (count > named.members.length) {
    return { ok: false, lacks: `${count} NICs of the network (it has ${named.members.length})` };
  }
  return { ok: true, members: named.members.slice(0, count) };
}

function selectNamed(usable: readonly Member[], masters: readonly string[]): Selection {
  const byName = new Map(usable.map(member => [member.nic.interfaceName, member]));
  const missing = masters.filter(name => !byName.has(name));
  if (missing.length > 0) return { ok: false, lacks: `the NIC ${missing.join(', ')} in the network with its link up` };
  return { ok: true, members: masters.flatMap(name => byName.get(name) ?? []) };
}
