import type { Logger } from 'pino';
import { label } from '../../core/api/names.ts';
import type { Cidr, DeviceClass, HostInterface, MultiNicNetwork } from '../../core/api/types.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import * as resources from '../../kube/api/resources.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import { Informer, type InformerOptions } from '../../kube/watch/informer.ts';
import type { ReflectorObserver } from '../../kube/watch/reflector.ts';
import { trimQuota } from './quotas.ts';
import { trimUnassigned } from './unassignedPods.ts';

/** What the webhook watches. */
export interface WebhookInformers {
  networks: Informer<MultiNicNetwork>;
  cidrs: Informer<Cidr>;
  hosts: Informer<HostInterface>;
  namespaces: Informer<resources.Namespace>;
  deviceClasses: Informer<DeviceClass>;
  quotas: Informer<resources.ResourceQuota>;
  unassignedPods: Informer<resources.Pod>;
}

/** Makes the informers, each of which keeps only what reviews read. */
export function createInformers(client: KubeClient, logger: Logger, observer?: ReflectorObserver): WebhookInformers {
  const base = <T extends KubeObject>(resource: Resource<T>): InformerOptions<T> => {
    return { client, resource, logger, observer };
  };
  return {
    networks: new Informer(base(resources.multiNicNetworks)),
    cidrs: new Informer(base(resources.cidrs)),
    hosts: new Informer(base(resources.hostInterfaces)),
    namespaces: new Informer(base(resources.namespaces)),
    deviceClasses: new Informer(base(resources.deviceClasses)),
    quotas: new Informer({ ...base(resources.resourceQuotas), transform: trimQuota }),
    unassignedPods: new Informer({
      ...base(resources.pods),
      name: 'unassigned pods',
      fieldSelector: 'spec.nodeName=',
      labelSelector: `${label.injected}=true`,
      transform: trimUnassigned,
    }),
  };
}
