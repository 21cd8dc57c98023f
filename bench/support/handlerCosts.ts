import pino from 'pino';
import { annotation, label } from '../../core/api/names.ts';
import * as resources from '../../kube/api/resources.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import { ClusterView } from '../../kube/view/clusterView.ts';
import { HostProfiles } from '../../kube/view/hostProfiles.ts';
import { Informer } from '../../kube/watch/informer.ts';
import { Quotas } from '../../webhook/context/quotas.ts';
import { ReadyReservations } from '../../webhook/context/readyReservations.ts';
import { ReleasePatience } from '../../webhook/context/releasePatience.ts';
import { Reservations } from '../../webhook/context/reservations.ts';
import type { ReviewContext } from '../../webhook/context/reviewContext.ts';
import { validateNetworks } from '../../webhook/networks/validateNetworks.ts';
import { mutateBindings } from '../../webhook/pods/mutateBindings.ts';
import { mutatePods } from '../../webhook/pods/mutatePods.ts';
import { validatePods } from '../../webhook/pods/validatePods.ts';
import { callBudget } from '../../webhook/review/call.ts';
import { type AdmissionRequest, formatReview, readReview } from '../../webhook/review/review.ts';
import type { Reviewer } from '../../webhook/server/app.ts';
import type { Reporter } from '../frame.ts';
import { type AdmissionSite, podOf } from './admissionSite.ts';
import { largeCluster } from './largeCluster.ts';

const warmUp = 100;
/** As many as fit into a few seconds: those that read a pool wait for the API server. */
const count = 500;

type Reviewed = Pick<AdmissionRequest, 'kind' | 'operation' | 'object'> & { oldObject?: unknown };

function reviewOf(namespace: string, { kind, ...rest }: Reviewed): string {
  const request = { uid: 'review', kind, resource: { group: kind.group, version: 'v1', resource: 'x' }, namespace };
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { ...request, userInfo: { username: 'somebody' }, dryRun: true, ...rest },
  });
}

/** CPU and rate of one reviewer with everything in memory: from the review's text to the answer's, without HTTP. */
async function costOf(name: string, reviewer: Reviewer, body: string, report: Reporter): Promise<void> {
  const once = async (): Promise<void> => {
    const request = readReview(body);
    const decision = await reviewer(request, callBudget('5s'));
    if (!decision.allowed) throw new Error(`${name} was refused: ${JSON.stringify(decision.status)}`);
    JSON.stringify(formatReview(request.uid, decision));
  };
  for (let i = 0; i < warmUp; i++) await once();
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < count; i++) await once();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  report(`${name}, CPU`, { value: (user + system) / 1000 / count, unit: 'ms' });
  report(`${name}, one process`, { value: (count / ms) * 1000, unit: '/s' });
}

/** The cost of one review of each kind in this process. Dry runs: the write to the pool, which is the API server's cost, is left out. */
export async function handlerCosts({ client }: AdmissionSite, report: Reporter): Promise<void> {
  const logger = pino({ level: 'silent' });
  const informer = <T extends KubeObject>(resource: Resource<T>): Informer<T> =>
    new Informer<T>({ client, resource, logger });
  const informers = {
    networks: informer(resources.multiNicNetworks),
    cidrs: informer(resources.cidrs),
    hosts: informer(resources.hostInterfaces),
    namespaces: informer(resources.namespaces),
    deviceClasses: informer(resources.deviceClasses),
    quotas: informer(resources.resourceQuotas),
    unassignedPods: informer<resources.Pod>(resources.pods),
  };
  const { namespaces, deviceClasses, unassignedPods } = informers;
  const view = new ClusterView(informers, logger);
  const store = new PoolStore(client, { logger });
  const reservations = new Reservations(store, logger);
  const context: ReviewContext = {
    ...{ client, view, store, namespaces, deviceClasses, unassignedPods, logger },
    profiles: new HostProfiles(view),
    releases: new ReleasePatience(),
    reservations,
    ready: new ReadyReservations(store, reservations, { logger }),
    quotas: new Quotas(informers.quotas),
    events: { record: () => undefined },
  };
  const all = Object.values(informers);
  const stopping = new AbortController();
  const ended = all.map(one => one.start(stopping.signal));
  try {
    await Promise.all(all.map(({ synced }) => synced));
    await reviews(context, report);
  } finally {
    stopping.abort();
    await Promise.all(ended);
  }
}

async function reviews(context: ReviewContext, report: Reporter): Promise<void> {
  const kind = (group: string, name: string) => ({ group, version: 'v1', kind: name });
  const podKind = kind('', 'Pod');
  const namespace = 'host-blocks';
  const pod = podOf(namespace);
  const create = reviewOf(namespace, { kind: podKind, operation: 'CREATE', object: pod });
  await costOf('mutate-pods, host blocks', mutatePods(context), create, report);
  const independent = reviewOf('node-independent', {
    ...{ kind: podKind, operation: 'CREATE' },
    object: podOf('node-independent'),
  });
  await costOf('mutate-pods, node-independent, without its write', mutatePods(context), independent, report);

  // The pod that is bound has to exist; without the webhooks installed it is made as they would have made it.
  const stored = await context.client.create(resources.pods, {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { [label.injected]: 'true' },
      annotations: { [annotation.networks]: JSON.stringify([{ name: namespace }]) },
    },
  });
  const { name, uid } = stored.metadata;
  try {
    const binding = { metadata: { name, namespace, uid }, target: { kind: 'Node', name: 'host-0' } };
    const bind = reviewOf(namespace, { kind: kind('', 'Binding'), operation: 'CREATE', object: binding });
    while (!context.unassignedPods.get({ namespace, name })) await new Promise(resolve => setTimeout(resolve, 10));
    // Reads the pool of the node, as each does that finds it changed.
    await costOf('mutate-bindings, without its write', mutateBindings(context), bind, report);
    const update = reviewOf(namespace, { kind: podKind, operation: 'UPDATE', object: stored, oldObject: stored });
    const reviewer = validatePods(context, { systemUsers: new Set() });
    await costOf('validate-pods, update', reviewer, update, report);
  } finally {
    await context.client.delete(resources.pods, { namespace, name }, { gracePeriodSeconds: 0 });
  }
  const { network } = largeCluster(1, 8);
  const object = { ...network, spec: { ...network.spec, subnet: '12.0.0.0/8' }, status: undefined };
  const validate = reviewOf('', { kind: kind('multinic.fms.io', 'MultiNicNetwork'), operation: 'CREATE', object });
  await costOf('validate-networks', validateNetworks(context), validate, report);
}
