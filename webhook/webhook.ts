import { hostname } from 'node:os';
import type { Registry } from 'prom-client';
import type { Cidr, DeviceClass, HostInterface, MultiNicNetwork } from '../core/api/types.ts';
import { component, label } from '../core/api/names.ts';
import { informersSynced } from '../kube/report/checks.ts';
import type { KubeClient } from '../kube/api/client.ts';
import { ClusterView } from '../kube/view/clusterView.ts';
import { EventRecorder } from '../kube/report/events.ts';
import { HostProfiles } from '../kube/view/hostProfiles.ts';
import { Informer, type InformerOptions } from '../kube/watch/informer.ts';
import type { Check } from '../kube/report/healthServer.ts';
import { group, type Runnable } from '../kube/process/lifecycle.ts';
import { ProfilePreparer } from '../kube/view/profilePreparer.ts';
import { PoolStore } from '../kube/pools/poolStore.ts';
import type { ReflectorObserver } from '../kube/watch/reflector.ts';
import * as resources from '../kube/api/resources.ts';
import type { KubeObject, Resource } from '../kube/api/types.ts';
import { createApp } from './server/app.ts';
import { BodyBudget } from './server/bodyBudget.ts';
import { trimUnassigned, type ReviewContext } from './context/cluster.ts';
import { Reservations } from './context/reservations.ts';
import { Exhaustion } from './context/exhaustion.ts';
import { Gate } from './server/gate.ts';
import { defaultLimits, type WebhookLimits } from './server/limits.ts';
import { admissionMetrics, registerCertificateMetrics } from './server/metrics.ts';
import { keepNetworks } from './pods/keepNetworks.ts';
import { mutateBindings } from './pods/mutateBindings.ts';
import { mutatePods } from './pods/mutatePods.ts';
import type { PodReviewOptions } from './review/pod.ts';
import { Quotas, trimQuota } from './context/quotas.ts';
import { ReleasePatience } from './context/releasePatience.ts';
import { AdmissionServer, type ServerOptions } from './server/server.ts';
import { Traffic } from './context/traffic.ts';
import { validateNetworks } from './networks/validateNetworks.ts';
import { validatePods } from './pods/validatePods.ts';
import { validatePools } from './networks/validatePools.ts';

export interface WebhookOptions extends ServerOptions, PodReviewOptions {
  client: KubeClient;
  registry: Registry;
  /** Told what informers do; see createMetrics(). */
  informerObserver?: ReflectorObserver;
  limits?: WebhookLimits;
}

/** The parts of the webhook: start `runnables` in order. */
export interface Webhook {
  server: AdmissionServer;
  /** What it knows of networks and hosts. */
  view: ClusterView;
  runnables: Runnable[];
  /** Readiness: the certificate is loaded, the copies are complete. */
  ready: Readonly<Record<string, Check>>;
}

interface WebhookInformers {
  networks: Informer<MultiNicNetwork>;
  cidrs: Informer<Cidr>;
  hosts: Informer<HostInterface>;
  namespaces: Informer<resources.Namespace>;
  deviceClasses: Informer<DeviceClass>;
  quotas: Informer<resources.ResourceQuota>;
  unassignedPods: Informer<resources.Pod>;
}

/** Wires the admission webhooks to a cluster. */
export function createWebhook(options: WebhookOptions): Webhook {
  const { client, logger } = options;
  const { networks, cidrs, hosts, namespaces, deviceClasses, quotas, unassignedPods } = createInformers(options);
  const view = new ClusterView({ networks, cidrs, hosts }, logger);
  const store = new PoolStore(client, { logger, untracked: true });
  const traffic = new Traffic();
  const events = new EventRecorder({
    client,
    logger,
    component: component.webhook,
    instance: hostname(),
    perSecond: () => traffic.eventsPerSecond(),
  });
  const profiles = new HostProfiles(view);
  const context: ReviewContext = {
    client,
    view,
    store,
    namespaces,
    deviceClasses,
    profiles,
    quotas: new Quotas(quotas),
    releases: new ReleasePatience(),
    reservations: new Reservations(store, logger),
    unassignedPods,
    events,
    logger,
  };
  const exhaustion = new Exhaustion({ registry: options.registry, view, events });
  const limits = options.limits ?? defaultLimits;
  const gate = new Gate(limits);
  const bodies = new BodyBudget(limits.bodyBytes);
  const decidePods = mutatePods(context);
  const app = createApp({
    reviewers: {
      '/try-pods': decidePods,
      '/mutate-pods': decidePods,
      '/mutate-pod-updates': request => keepNetworks(request, options),
      '/mutate-bindings': mutateBindings(context),
      '/validate-pods': validatePods(context, options),
      '/validate-networks': validateNetworks(context),
      '/validate-pools': validatePools(context),
    },
    askedAgain: ['/try-pods'],
    gate,
    bodies,
    metrics: admissionMetrics(options.registry, gate, bodies),
    logger,
    arrived: () => {
      traffic.note();
    },
    refused: error => {
      exhaustion.refused(error);
    },
  });
  const informers = [networks, cidrs, hosts, namespaces, deviceClasses, quotas, unassignedPods];
  const server = new AdmissionServer(app, options);
  registerCertificateMetrics(options.registry, server);
  return {
    server,
    view,
    runnables: [
      events,
      context.reservations,
      group('informers', informers),
      new ProfilePreparer({ view, profiles, logger }),
      server,
    ],
    ready: {
      informers: informersSynced(informers),
      server: () => server.accepting || 'no serving certificate yet, or the server is stopping',
    },
  };
}

function createInformers({ client, logger, informerObserver }: WebhookOptions): WebhookInformers {
  const base = <T extends KubeObject>(resource: Resource<T>): InformerOptions<T> => ({
    client,
    resource,
    logger,
    observer: informerObserver,
  });
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
