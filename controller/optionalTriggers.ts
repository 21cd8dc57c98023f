import { networkOwner } from '../core/api/owner.ts';
import { networkOfSriovNetwork, sriovNamespace } from '../core/sriov/objects.ts';
import type { NetworkAttachmentDefinition } from '../kube/api/resources.ts';
import { keyOf, type KubeObject } from '../kube/api/types.ts';
import { onAny } from '../kube/watch/informerHandlers.ts';
import type { LeaderContext } from './context/leaderContext.ts';
import type { OptionalResources } from './context/optionalResources.ts';
import type { Queues } from './queues.ts';
import { definitionKeys } from './reconcilers/definitions.ts';

/** As addTriggers, for resources that a cluster need not have: handlers are called once it has them. */
export function addOptionalTriggers(
  queues: Queues,
  { informers }: LeaderContext,
  optional: OptionalResources,
  batchMs: number,
): void {
  const definition = ({ metadata }: NetworkAttachmentDefinition): void => {
    queues.definitions.add(keyOf(metadata));
    if (informers.networks.get(metadata.name)) queues.statuses.addAfter(metadata.name, batchMs);
  };
  optional.definitions.informer.addHandlers(onAny(definition));

  const sriovObject = ({ metadata }: KubeObject): void => {
    queues.sriovObjects.add(networkOwner(metadata)?.name ?? metadata.name);
  };
  optional.sriovPolicies.informer.addHandlers(onAny(sriovObject));
  optional.sriovNetworks.informer.addHandlers(
    onAny(({ metadata }) => {
      queues.sriovObjects.add(networkOwner(metadata)?.name ?? networkOfSriovNetwork(metadata.name));
    }),
  );
  const place = ({ metadata }: KubeObject): void => {
    if (metadata.name !== sriovNamespace) return;
    for (const network of informers.networks.list()) queues.sriovObjects.add(network.metadata.name);
  };
  informers.namespaces.addHandlers({ added: place, deleted: place });

  optional.clusterPolicies.informer.addHandlers(
    onAny(() => {
      for (const { metadata, spec } of informers.networks.list()) {
        if (spec.plugin.type !== 'mellanox') continue;
        for (const key of definitionKeys(metadata.name, informers.namespaces.list())) queues.definitions.add(key);
        queues.statuses.addAfter(metadata.name, batchMs);
      }
    }),
  );
}
