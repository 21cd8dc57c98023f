import { bandwidthResourceName, extendedResourceName, nicCountLabel } from '../../core/api/names.ts';
import { deviceResources, devicesWanted } from '../../core/network/deviceResource.ts';
import { targetOf } from '../../core/selection/wish.ts';
import type { WantedAttachment } from './wanted.ts';

/** What the scheduler is told of a pod, so that it chooses among the nodes that can serve it. */
export interface SchedulerShare {
  /** Extended resource → how much of it. */
  resources: ReadonlyMap<string, number>;
  /** Label of nodes → the least number that it must have there. */
  labels: ReadonlyMap<string, number>;
  /** What was left out because a quota of the namespace allows none of it. */
  forbidden: string[];
}

/**
 * The scheduler's share of the pod's attachments: of each network one address an attachment, the target in Mbit/s, and nodes with as many
 * usable NICs as it asks for; and the devices of networks whose NICs a device plugin hands out. Best effort counts addresses and devices
 * only: it is there to go where there is less. A network that is off (`spec.schedulerResources: false`) has no share but devices.
 * @param forbids whether the namespace's quota allows none of a resource
 */
export function schedulerShare(
  wanted: readonly WantedAttachment[],
  forbids: (resource: string) => boolean,
): SchedulerShare {
  // Without its devices a pod would start nowhere: they are no hint, and no quota takes them away.
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
    // One NIC is what the addresses' resource says as well: a node without any has none of it.
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
