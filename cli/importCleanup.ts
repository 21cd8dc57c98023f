import type { HostInterface, MultiNicNetwork } from '../core/api/types.ts';
import { isOurs, oldFinalizer, type Predecessor } from '../core/predecessor/objects.ts';
import type { KubeClient } from '../kube/api/client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../kube/api/errors.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks } from '../kube/api/resources.ts';
import type { KubeObject, Resource } from '../kube/api/types.ts';

/** Creates the HostInterfaces that the cluster lacks, and removes the operator's finalizer from all of them. */
export async function restoreHosts(
  client: KubeClient,
  saved: readonly HostInterface[],
  existing: readonly HostInterface[],
): Promise<void> {
  const known = new Set(existing.map(({ metadata }) => metadata.name));
  for (const { apiVersion, kind, metadata, spec } of saved) {
    const { name, labels } = metadata;
    if (known.has(name)) continue;
    const object = { apiVersion, kind, metadata: { name, ...(labels && { labels }) }, spec };
    await client.create(hostInterfaces, object).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
  }
  for (const host of existing) await takeOff(client, hostInterfaces, host);
}

/** Removes the operator's CIDR and IPPools of the network. */
export async function removeOld(client: KubeClient, name: string, old: Predecessor): Promise<void> {
  for (const { metadata, spec } of old.pools) {
    if (spec.netAttachDef === name) await remove(client, ipPools, metadata.name, { network: name });
  }
  await remove(client, cidrs, name, { network: name, page: 0 });
}

/** Removes the operator's finalizer from networks, including those whose addresses come from another IPAM plugin. */
export async function freeNetworks(client: KubeClient, networks: Iterable<MultiNicNetwork>): Promise<void> {
  for (const network of networks) await takeOff(client, multiNicNetworks, network);
}

/**
 * Deletes an object of the predecessor's shape.
 * @param spec what our schema requires: without it the API server refuses the write that removes the finalizer
 */
async function remove(client: KubeClient, resource: Resource, name: string, spec: object): Promise<void> {
  try {
    const found = await client.find(resource, { name });
    if (!found || isOurs(found)) return;
    const { uid } = found.metadata;
    await client.delete(resource, { name }, { preconditions: { uid } });
    if (found.metadata.finalizers) {
      await client.patch(resource, { name }, 'merge', { metadata: { uid, finalizers: null }, spec });
    }
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Others' finalizers stay, whoever writes the object meanwhile. */
async function takeOff(client: KubeClient, resource: Resource, { metadata }: KubeObject): Promise<void> {
  const { name } = metadata;
  for (let { finalizers = [], resourceVersion } = metadata; finalizers.some(entry => oldFinalizer.test(entry));) {
    const left = finalizers.filter(entry => !oldFinalizer.test(entry));
    try {
      await client.patch(resource, { name }, 'merge', { metadata: { resourceVersion, finalizers: left } });
      return;
    } catch (error) {
      if (!isConflict(error)) throw error;
      ({ finalizers = [], resourceVersion } = (await client.get(resource, { name })).metadata);
    }
  }
}
