import { interfaceNames, parseNetworks } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import { deviceResources, devicesWanted } from '../../core/network/deviceResource.ts';
import { readNicRequest, requestNamed } from '../../core/selection/request.ts';
import type { Pod } from '../../kube/api/resources.ts';
import type { ClusterView, KnownNetwork } from '../../kube/view/clusterView.ts';

/** The resources of a network's devices, as far as they are known. */
export function resourcesOf({ object, state: { network } }: KnownNetwork): readonly string[] {
  return deviceResources(network.name, network.spec.plugin, object.status?.deviceResources);
}

/**
 * How many devices of the resources the pod's other attachments take: what the webhook had the pod ask for on their behalf.
 * @param ifname of the attachment that asks
 * @throws MultiNicError where the pod's selection cannot be read
 */
export function devicesOfOthers(view: ClusterView, pod: Pod, ifname: string, resources: readonly string[]): number {
  const { annotations = {} } = pod.metadata;
  const elements = parseNetworks(annotations[annotation.networks] ?? '');
  const ifnames = interfaceNames(elements);
  const counts = elements.map(({ name, 'cni-args': args }, i) => {
    const own = ifnames[i] ?? '';
    const known = own === ifname ? undefined : view.network(name);
    if (!known) return 0;
    const { nics } = requestNamed(own, readNicRequest(args ?? undefined, `the selection of ${name}`));
    const wanted = devicesWanted(resourcesOf(known), nics);
    return [...wanted].reduce((sum, [resource, count]) => sum + (resources.includes(resource) ? count : 0), 0);
  });
  return counts.reduce((sum, count) => sum + count, 0);
}
