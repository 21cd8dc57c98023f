import type { Logger } from 'pino';
import { isOurs } from '../../core/nad/netAttachDef.ts';
import type { NicClusterPolicy } from '../../core/sriov/mellanoxResources.ts';
import type { SriovNetwork, SriovNodePolicy } from '../../core/sriov/objects.ts';
import { sriovNamespace } from '../../core/sriov/objects.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import * as resources from '../../kube/api/resources.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { headOf } from '../../kube/watch/head.ts';
import { Informer, type InformerOptions } from '../../kube/watch/informer.ts';
import { OptionalResource } from './optionalResource.ts';

/** What other systems install: Multus, the SR-IOV network operator, the NVIDIA network operator. */
export interface OptionalResources {
  definitions: OptionalResource<resources.NetworkAttachmentDefinition>;
  sriovPolicies: OptionalResource<SriovNodePolicy>;
  sriovNetworks: OptionalResource<SriovNetwork>;
  clusterPolicies: OptionalResource<NicClusterPolicy>;
}

export interface OptionalResourcesOptions {
  client: KubeClient;
  logger: Logger;
  recheckMs: number;
  observer?: InformerOptions<KubeObject>['observer'];
}

/** Makes them, with the informers of their objects; nothing runs before run(). */
export function createOptionalResources(options: OptionalResourcesOptions): OptionalResources {
  const { client, logger, recheckMs, observer } = options;
  const optional = <T extends KubeObject>(
    resource: Resource<T>,
    selected: Pick<InformerOptions<T>, 'namespace' | 'transform'> = {},
  ): OptionalResource<T> => {
    const informer = new Informer<T>({ client, resource, logger, ...selected, observer });
    return new OptionalResource({ client, resource, informer, logger, recheckMs });
  };
  return {
    definitions: optional(resources.networkAttachmentDefinitions, { transform: trimDefinition }),
    sriovPolicies: optional(resources.sriovNodePolicies, { namespace: sriovNamespace }),
    sriovNetworks: optional(resources.sriovNetworks, { namespace: sriovNamespace }),
    clusterPolicies: optional(resources.nicClusterPolicies),
  };
}

/** Runs all of them. */
export function runOptionalResources(all: OptionalResources, onChange: () => void): Runnable[] {
  return Object.entries(all).map(([name, resource]: [string, OptionalResource<never>]) => ({
    name,
    start: signal => resource.run(signal, onChange),
  }));
}

/**
 * What is kept of a definition: of somebody else's only that it is there. Pods' authors may be let write any number of them, which as a whole could
 * fill the leader's memory.
 */
function trimDefinition(definition: resources.NetworkAttachmentDefinition): resources.NetworkAttachmentDefinition {
  return isOurs(definition, definition.metadata.name) ? definition : { ...headOf(definition), spec: {} };
}
