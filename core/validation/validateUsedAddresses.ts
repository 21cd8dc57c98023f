import { formatAddress, type IpAddress } from '../net/address.ts';
import { contains } from '../net/cidr.ts';
import { type Finding, warning } from '../network/finding.ts';
import { cidrsOf, type Draft } from './draft.ts';

/** An address that something outside of all networks has, such as a node, or a pod on its primary network. */
export interface UsedAddress {
  address: IpAddress;
  /** For messages, such as `node node-1`. */
  whose: string;
}

/**
 * A network should not give out what the cluster itself uses: nodes would route the primary network's packets over the fabric,
 * pods would look for the others there. Only a warning: a wide subnet may never come to these addresses, and such networks are in use.
 */
export function checkUsedAddresses(draft: Draft, used: readonly UsedAddress[]): Finding[] {
  if (!draft.ownAddresses) return [];
  const excludes = cidrsOf(draft.excludes);
  const free = used.filter(({ address }) => !excludes.some(exclude => contains(exclude, address)));
  return draft.subnets.flatMap(({ path, text, cidr }) => {
    const [first, ...more] = free.filter(({ address }) => cidr && contains(cidr, address));
    if (!first) return [];
    const rest = more.length === 0 ? '' : `, and ${more.length} more that are in use`;
    const detail = `${text} holds ${formatAddress(first.address)}, the address of ${first.whose}${rest}: what is sent to them may leave by the NICs`;
    return [warning('MNN_OVERLAP', path, detail)];
  });
}
