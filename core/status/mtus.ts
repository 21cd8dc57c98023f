import type { Condition } from '../api/types.ts';
import type { Network } from '../network/network.ts';
import { nicUse } from '../network/nicUse.ts';
import type { NewCondition } from './condition.ts';
import type { Survey } from './survey.ts';

const type = 'MtusAgree';

/** Whether the network's pods have the MTUs of their NICs. */
function followsNics({ spec, ipam }: Pick<Network, 'spec' | 'ipam'>): boolean {
  const { plugin } = spec;
  const isOnNic = plugin.type === 'ptp' || nicUse(plugin, ipam.vlanMode) !== undefined;
  return isOnNic && Number(plugin.args?.mtu ?? 0) === 0;
}

/**
 * What webhooks warn of when a network is made, also of a host that comes, or is changed, later: a NIC whose MTU was forgotten. Nothing where that has
 * never happened.
 */
export function mtuConditions(
  network: Pick<Network, 'spec' | 'ipam'>,
  { differentMtus }: Pick<Survey, 'differentMtus'>,
  stored: readonly Condition[],
): NewCondition[] {
  if (differentMtus !== undefined && followsNics(network)) {
    const message = `pods have the MTU of their NIC, and ${differentMtus}: what is larger does not arrive there`;
    return [{ type, status: 'False', reason: 'MtusDiffer', message }];
  }
  const isTold = stored.some(condition => condition.type === type);
  return isTold ? [{ type, status: 'True', reason: 'MtusAgree', message: 'pods in one subnet have the same MTU' }] : [];
}
