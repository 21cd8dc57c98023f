import { hostname } from 'node:os';
import type { Express } from 'express';
import type { Registry } from 'prom-client';
import { component } from '../core/api/names.ts';
import type { KubeClient } from '../kube/api/client.ts';
import { PoolFeed } from '../kube/pools/poolFeed.ts';
import { PoolStore } from '../kube/pools/poolStore.ts';
import { group, type Runnable } from '../kube/process/lifecycle.ts';
import { informersSynced, type Synced } from '../kube/report/checks.ts';
import { EventRecorder } from '../kube/report/events.ts';
import type { Check } from '../kube/report/healthServer.ts';
import { ClusterView } from '../kube/view/clusterView.ts';
import { HostProfiles } from '../kube/view/hostProfiles.ts';
import { ProfilePreparer } from '../kube/view/profilePreparer.ts';
import type { ReflectorObserver } from '../kube/watch/reflector.ts';
import { Exhaustion } from './context/exhaustion.ts';
import { createInformers, type WebhookInformers } from './context/informers.ts';
import { Quotas } from './context/quotas.ts';
import { ReadyReservations } from './context/readyReservations.ts';
import { ReleasePatience } from './context/releasePatience.ts';
import { Reservations } from './context/reservations.ts';
import type { ReviewContext } from './context/reviewContext.ts';
import { Traffic } from './context/traffic.ts';
import { validateNetworks } from './networks/validateNetworks.ts';
import { validatePools } from './networks/validatePools.ts';
import { keepDecided } from './pods/keepDecided.ts';
import { mutateBindings } from './pods/mutateBindings.ts';
import { mutatePods } from './pods/mutatePods.ts';
import { validatePods } from './pods/validatePods.ts';
import type { PodReviewOptions } from './review/pod.ts';
import { createApp } from './server/app.ts';
import { BodyBudget } from './server/bodyBudget.ts';
import { Gate } from './server/gate.ts';
import { defaultLimits, type WebhookLimits } from './server/limits.ts';
import { admissionMetrics, registerCertificateMetrics } from './server/metrics.ts';
import { AdmissionServer, type ServerOptions } from './server/server.ts';

export interface WebhookOptions extends ServerOptions, PodReviewOptions {
  client: KubeClient;
  registry: Registry;
  /** Told what the informers do; see createMetrics(). */
  informerObserver?: ReflectorObserver;
  limits?: WebhookLimits;
}

/** The parts of the webhook, to be started in the order of `runnables`. */
export interface Webhook {
  server: AdmissionServer;
  /** What it knows of networks and hosts. */
  view: ClusterView;
  runnables: Runnable[];
  /** Readiness: the certificate is loaded, the copies are complete. */
  ready: Readonly<Record<string, Check>>;
}

/** Wires the admission webhooks to a cluster. */
export function createWebhook(options: WebhookOptions): Webhook {
  const { client, logger, registry, informerObserver } = options;
  const traffic = new Traffic();
  const events = new EventRecorder({
    client,
    logger,
    component: component.webhook,
    instance: hostname(),
    perSecond: () => traffic.eventsPerSecond(),
  });
  const informers = createInformers(client, logger, informerObserver);
  const context = createContext(options, informers, events);
  const server = new AdmissionServer(createReviewApp(context, options, traffic), options);
  registerCertificateMetrics(registry, server);
  const { view, store, profiles, reservations, ready } = context;
  const copies = Object.values(informers) as (Runnable & Synced)[];
  return {
    server,
    view,
    runnables: [
      events,
      reservations,
      ready,
      group('informers', copies),
      new PoolFeed({ client, store, logger, observer: informerObserver }),
      new ProfilePreparer({ view, profiles, logger }),
      server,
    ],
    ready: {
      informers: informersSynced(copies),
      server: () => server.accepting || 'no serving certificate yet, or the server is stopping',
    },
  };
}

function createContext(
  { client, logger }: WebhookOptions,
  { quotas, ...informers }: WebhookInformers,
  events: EventRecorder,
): ReviewContext {
  const { namespaces, deviceClasses, unassignedPods } = informers;
  const view = new ClusterView(informers, logger);
  const store = new PoolStore(client, { logger, untracked: true });
  const reservations = new Reservations(store, logger);
  return {
    client,
    view,
    store,
    namespaces,
    deviceClasses,
    profiles: new HostProfiles(view),
    quotas: new Quotas(quotas),
    releases: new ReleasePatience(),
    reservations,
    ready: new ReadyReservations(store, reservations, { logger }),
    unassignedPods,
    events,
    logger,
  };
}

/** What each path decides, and how many reviews at once. */
function createReviewApp(context: ReviewContext, options: WebhookOptions, traffic: Traffic): Express {
  const { registry, logger, limits = defaultLimits } = options;
  const { view, events } = context;
  const gate = new Gate(limits);
  const bodies = new BodyBudget(limits.bodyBytes);
  const exhaustion = new Exhaustion({ registry, view, events });
  const decidePods = mutatePods(context);
  return createApp({
    reviewers: {
      '/try-pods': decidePods,
      '/mutate-pods': decidePods,
      '/mutate-pod-updates': request => keepDecided(request, options),
      '/mutate-bindings': mutateBindings(context),
      '/validate-pods': validatePods(context, options),
      '/validate-networks': validateNetworks(context),
      '/validate-pools': validatePools(context),
    },
    askedAgain: ['/try-pods'],
    gate,
    bodies,
    metrics: admissionMetrics(registry, gate, bodies),
    logger,
    arrived: () => {
      traffic.note();
    },
    refused: error => {
      exhaustion.refused(error);
    },
  });
}
