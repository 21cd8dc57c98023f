import { apiVersion } from '../../core/api/names.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { cidrs, hostInterfaces, multiNicNetworks } from '../../kube/api/resources.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import { ClusterView } from '../../kube/view/clusterView.ts';
import { Informer } from '../../kube/watch/informer.ts';
import { eventually } from '../eventually.ts';
import { silent } from './support.ts';

/** Makes the network, as the controller would leave it, and a view that knows it. */
export async function networkView(
  client: KubeClient,
  name: string,
  { subnet, ipam }: { subnet: string; ipam: { interfaceBlock: number; excludeCIDRs?: readonly string[] } },
): Promise<AsyncDisposable & { view: ClusterView }> {
  const spec = {
    subnet,
    ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 0, vlanMode: 'l2', ...ipam }),
    multiNICIPAM: true,
    plugin: { cniVersion: '1.0.0', type: 'macvlan' },
  };
  const object = { apiVersion, kind: 'MultiNicNetwork', metadata: { name }, spec };
  const { metadata } = await client.create(multiNicNetworks, object);
  const interfaces = Array.from({ length: 2 ** ipam.interfaceBlock }, (_, index) => {
    return { netAddress: `172.20.${index + 1}.0/24`, ordinal: 0, index };
  });
  await client.patch(multiNicNetworks, metadata, 'merge', { status: { interfaces } }, { subresource: 'status' });
  const watched = watchedView(client);
  const { view } = watched;
  await eventually('the network', () => view.network(name)?.state.interfaces.length === interfaces.length);
  return watched;
}

/** A view of the cluster, as webhooks and agents have one. */
export function watchedView(client: KubeClient): AsyncDisposable & { view: ClusterView } {
  const inform = <T extends KubeObject>(resource: Resource<T>) => new Informer<T>({ client, resource, logger: silent });
  const sources = { networks: inform(multiNicNetworks), cidrs: inform(cidrs), hosts: inform(hostInterfaces) };
  const view = new ClusterView(sources, silent);
  const watching = new AbortController();
  const ended = Promise.all(Object.values(sources).map(informer => informer.start(watching.signal)));
  return {
    view,
    [Symbol.asyncDispose]: async () => {
      watching.abort();
      await ended;
    },
  };
}
