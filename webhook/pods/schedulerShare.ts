import { bandwidthResourceName, extendedResourceName, nicCountLabel } from '../../core/api/names.ts';
import { deviceResources, devicesWanted } from '../../core/network/deviceResource.ts';
import { targetOf } from '../../core/selection/wish.ts';
import type { WantedAttachment } from './wanted.ts';

/** What a pod requests of the scheduler, so that it chooses among the nodes that can serve the pod. */
export interface SchedulerShare {
  /** Extended resource → how much of it. */
  resources: ReadonlyMap<string, number>;
  /** Node label → the least number that it must have there. */
  labels: ReadonlyMap<string, number>;
  /** Resources left out because a quota of the namespace allows none of them. */
  forbidden: string[];
}

/**
 * What the pod's attachments request of the scheduler: for each network, one address per attachment, the target in Mbit/s, and nodes with as
 * many usable NICs as asked for; and the devices of networks whose NICs a device plugin hands out. For best effort only addresses and
 * devices count: such pods may go where there is less. With `spec.schedulerResources: false` only the network's devices count.
 * @param forbids whether the namespace's quota allows none of a resource
 */
export function schedulerShare(
  wanted: readonly WantedAttachment[],
  forbids: (resource: string) => boolean,
): SchedulerShare {
  // Without its devices a pod would start nowhere: they are more than a hint, and stay whatever a quota says.
  const resources = devicesOf(wanted);
  const labels = new Map<string, number>();
  const forbidden = new Set<string>();
  const ask = (resource: string, quantity: number): void => {
    if (forbids(resource)) forbidden.add(resource);
    else resources.set(resource, (resources.get(resource) ?? 0) + quantity);
  };
  for (const { known, selected, request } of wanted) {
    const { network } = known.state;
    if (network.spec.schedulerResources === false) continue;
    if (network.ownAddresses) ask(extendedResourceName(selected.network), 1);
    const target = request.bestEffort ? undefined : targetOf(network, request);
    if (target !== undefined) ask(bandwidthResourceName(selected.network), target);
    if (network.handedOut) continue;
    const nics = request.bestEffort ? 1 : (request.nics ?? request.masters?.length ?? 1);
    // That there is one NIC, the resource of addresses says as well: a node without a NIC has none of it.
    if (nics < 2 && network.ownAddresses) continue;
    const label = nicCountLabel(selected.network);
    labels.set(label, Math.max(nics, labels.get(label) ?? 0));
  }
  return { resources, labels, forbidden: [...forbidden].sort() };
}

function devicesOf(wanted: readonly WantedAttachment[]): Map<string, number> {
  const devices = new Map<string, number>();
  for (const { known, request } of wanted) {
    const { name, spec } = known.state.network;
    const resources = deviceResources(name, spec.plugin, known.object.status?.deviceResources);
    for (const [resource, count] of devicesWanted(resources, request.nics)) {
      devices.set(resource, (devices.get(resource) ?? 0) + count);
    }
  }
  return devices;
}
