import { isDeepStrictEqual } from 'node:util';
import type { ObjectMeta } from '../api/types.ts';
import { formatCidr, overlap } from '../net/cidr.ts';
import type { Network } from './network.ts';

/** The parts of a network that determine which addresses it gives out. */
export type Ranges = Pick<Network, 'subnets' | 'masterNets' | 'excludes'>;

/** What both networks give out, whatever hosts there are, in words; undefined if they do not overlap. */
export function sharedRange(one: Network, other: Network): string | undefined {
  if (!one.ownAddresses || !other.ownAddresses) return undefined;
  if (shareHostSubnets(one, other)) return 'the same host subnets';
  const shared = one.subnets.find(subnet => other.subnets.some(theirs => overlap(subnet, theirs)));
  return shared && formatCidr(shared);
}

/** Whether both give out the same host subnets, whatever hosts there will be. */
export function shareHostSubnets(one: Ranges, other: Ranges): boolean {
  if ([one.subnets, other.subnets, one.excludes, other.excludes].some(list => list.length > 0)) return false;
  return isDeepStrictEqual(one.masterNets, other.masterNets);
}

/** Whether the first was created before the other. Everybody must come to the same answer, so names decide within a second. */
export function isOlder(one: ObjectMeta, other: ObjectMeta): boolean {
  const [made = '', otherMade = ''] = [one.creationTimestamp, other.creationTimestamp];
  return made === otherMade ? one.name < other.name : made < otherMade;
}
