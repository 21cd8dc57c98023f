import type { ConfigStatus, MultiNicNetworkStatus } from '../api/types.ts';
import type { Network } from '../network/network.ts';
import { listNames, type NewCondition } from './condition.ts';

/** The condition of a MultiNicNetwork that says whether the scheduler knows how many pods fit on each node. */
export const capacityPublished = 'CapacityPublished';

/** Reason while no node can take a pod yet. */
const noNode = 'NoNode';

/**
 * The progress of one host of a network: it has no Node object (so no pod is placed there), no address block yet, waits for its capacity to
 * be written to the Node, or has it there.
 */
export type HostCapacity = 'noNode' | 'noBlock' | 'waiting' | 'published';

/** The condition, and what it means for configStatus. */
export interface CapacityState {
  condition: NewCondition;
  configStatus: ConfigStatus;
}

/**
 * Sums up the progress of a network's hosts. No node would be found for a pod that is created earlier, and the scheduler would warn of it,
 * so the network is not ready until all hosts have their capacity.
 */
export function capacityState(
  network: Pick<Network, 'ownAddresses'> & { spec: Pick<Network['spec'], 'schedulerResources'> },
  hosts: Iterable<readonly [name: string, capacity: HostCapacity]>,
): CapacityState {
  if (!network.ownAddresses) return state('True', 'NotNeeded', 'the network has no address pools to count');
  if (network.spec.schedulerResources === false) {
    return state('True', 'NotNeeded', 'spec.schedulerResources is false: nothing is published for the scheduler');
  }
  const by: Record<HostCapacity, string[]> = { noNode: [], noBlock: [], waiting: [], published: [] };
  for (const [name, capacity] of hosts) by[capacity].push(name);
  const { noBlock, waiting, published } = by;
  if (published.length + waiting.length + noBlock.length === 0) {
    return state('True', 'NotNeeded', 'no node has a NIC in the network');
  }
  if (published.length === 0) return state('False', noNode, 'no node can take pods yet');
  if (waiting.length > 0) {
    const all = published.length + waiting.length;
    return state('False', 'Waiting', `${waiting.length} of ${all} nodes cannot take pods yet: ${listNames(waiting)}`);
  }
  return state('True', capacityPublished, `the scheduler knows the capacity of ${published.length} nodes`);
}

/**
 * Whether a network was made just now, so that no node can take its pods yet but soon will. A status without the condition and with
 * interface indexes is one that an older controller wrote.
 */
export function isBeingSetUp(status: MultiNicNetworkStatus | undefined): boolean {
  if (status?.configStatus === 'Failed') return false;
  const condition = status?.conditions?.find(({ type }) => type === capacityPublished);
  return condition ? condition.reason === noNode : (status?.interfaces ?? []).length === 0;
}

function state(status: NewCondition['status'], reason: string, message: string): CapacityState {
  const condition = { type: capacityPublished, status, reason, message };
  return { condition, configStatus: status === 'True' ? 'Success' : 'WaitForConfig' };
}
