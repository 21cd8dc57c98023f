import type { Logger } from 'pino';
import { component } from '../core/api/names.ts';
import type { Cidr, HostInterface, MultiNicNetwork } from '../core/api/types.ts';
import { sameInterfaces, sameSpec } from '../core/network/versions.ts';
import { informersSynced } from '../kube/report/checks.ts';
import type { KubeClient } from '../kube/api/client.ts';
import { ClusterView } from '../kube/view/clusterView.ts';
import { EventRecorder } from '../kube/report/events.ts';
import { HealthServer } from '../kube/report/healthServer.ts';
import { Informer } from '../kube/watch/informer.ts';
import type { Runnable } from '../kube/process/lifecycle.ts';
import { createMetrics } from '../kube/report/metrics.ts';
import { PoolStore } from '../kube/pools/poolStore.ts';
import { cidrs, deviceClasses, hostInterfaces, multiNicNetworks } from '../kube/api/resources.ts';
import type { KubeObject, Resource } from '../kube/api/types.ts';
import { Attacher } from './attach/attacher.ts';
import { HostRoutes } from './attach/hostRoutes.ts';
import type { Checkpoint } from './checkpoint/checkpoint.ts';
import { CniCalls } from './cniServer/calls.ts';
import { SocketServer } from './cniServer/socketServer.ts';
import { Decider } from './decision/decider.ts';
import { checkRoom } from './decision/room.ts';
import { Delegates } from './delegate/delegates.ts';
import { KubeletDevices } from './devices/kubeletDevices.ts';
import { Discovery } from './discovery/discovery.ts';
import { HostInterfaceWriter } from './discovery/hostInterfaceWriter.ts';
import { hostTrimmer } from './hosts/otherHosts.ts';
import { ChainedNetwork } from './install/chainedNetwork.ts';
import { KernelEvents } from './kernelEvents.ts';
import { createAgentMetrics } from './metrics.ts';
import type { Netlink } from './netlink/netlink.ts';
import type { AgentOptions } from './options.ts';
import { AddsUnderWay } from './pods/addsUnderWay.ts';
import { PodSource } from './pods/podSource.ts';
import { ConnectivityProbe } from './probe/connectivityProbe.ts';
import { PoolRecords } from './records/poolRecords.ts';
import { LostSandboxes } from './release/lostSandboxes.ts';
import { Releaser } from './release/releaser.ts';
import { RouteKeeper } from './routes/routeKeeper.ts';
import type { OnStep } from './steps.ts';
import { StatusWriter } from './status/statusWriter.ts';

/** What the agent stands on; whoever opened it closes it. */
export interface AgentBase {
  readonly client: KubeClient;
  readonly netlink: Netlink;
  readonly checkpoint: Checkpoint;
  readonly logger: Logger;
  readonly onStep: OnStep;
}

/** Puts the agent together. @returns its parts in the order in which they start; they stop in reverse */
export function createAgent(
  options: AgentOptions,
  { client, netlink, checkpoint, logger, onStep }: AgentBase,
): Runnable[] {
  const node = options.nodeName;
  const { registry, informers: observer, queues } = createMetrics();
  const metrics = createAgentMetrics(registry, () => [...checkpoint.list()].length);

  const inform = <T extends KubeObject>(resource: Resource<T>, transform?: (object: T) => T): Informer<T> =>
    new Informer<T>({ client, resource, logger, listFromCache: true, observer, ...(transform && { transform }) });
  const sources = {
    networks: inform<MultiNicNetwork>(multiNicNetworks),
    cidrs: inform<Cidr>(cidrs),
    hosts: inform<HostInterface>(hostInterfaces, hostTrimmer(node)),
  };
  const pods = new PodSource({ client, node, logger, observer });
  const view = new ClusterView(sources, logger);
  const store = new PoolStore(client, { log: logger });
  const records = new PoolRecords({ client, view, node, logger, observer });

  const writer = new HostInterfaceWriter({ client, informer: sources.hosts, node, log: logger });
  const kernelEvents = new KernelEvents(netlink, logger);
  const events = new EventRecorder({ client, logger, component: component.agent, instance: node });
  const discovery = new Discovery({
    netlink,
    writer,
    rules: options.rules,
    primary: options.primary,
    inPods: () => checkpoint.movedNics(),
    held: () => records.held(),
    logger,
    observer: queues,
  });
  const routes = new RouteKeeper({
    netlink,
    view,
    writer,
    node,
    logger,
    observer: queues,
    programmed: metrics.routes,
  });
  const probe = new ConnectivityProbe({
    netlink,
    view,
    writer,
    events,
    node,
    intervalMs: options.probeIntervalMs,
    logger,
    observer: queues,
    answered: metrics.probe,
  });
  const hostRoutes = new HostRoutes({ netlink, checkpoint, logger, observer: queues });
  kernelEvents.addListener(event => {
    hostRoutes.onKernelEvent(event);
    discovery.onKernelEvent(event);
    routes.onKernelEvent(event);
  });
  const onChange = (): void => {
    routes.onClusterChange();
    records.refresh();
  };
  const onHost = ({ metadata }: HostInterface): void => {
    if (metadata.name === node) {
      writer.changed();
      discovery.trigger();
      records.refresh();
    }
    routes.onClusterChange();
  };
  sources.networks.addHandlers({
    added: onChange,
    // The rest of the status is of no concern here, and changes often.
    updated: (object, previous) => {
      if (!sameSpec(object, previous) || !sameInterfaces(object, previous)) onChange();
    },
    deleted: onChange,
  });
  sources.cidrs.addHandlers({ added: onChange, updated: onChange, deleted: onChange });
  sources.hosts.addHandlers({ added: onHost, updated: onHost, deleted: onHost });

  const adds = new AddsUnderWay(pods);
  const releaser = new Releaser({ pods, adds, records, store, checkpoint, logger, observer: queues });
  const status = new StatusWriter(client, logger, queues);
  const copies = [sources.networks, sources.cidrs, sources.hosts, pods.informer] as const;
  const delegates = new Delegates(options.cniPath);
  const attacher = new Attacher({ netlink, checkpoint, delegates, sysfs: options.sysfs, log: logger, onStep });
  const calls = new CniCalls(
    {
      log: logger,
      netlink,
      attacher,
      checkpoint,
      decider: new Decider({
        view,
        records,
        store,
        node,
        checkpoint,
        events,
        kubelet: new KubeletDevices(options.kubeletDir, logger),
        sysfs: options.sysfs,
        findClass: (name, signal) => client.find(deviceClasses, { name }, { signal }),
      }),
      adds,
      view,
      delegates,
      onStep,
      checkRoom: known => {
        checkRoom(view, records, known, node);
      },
      synced: Promise.all([...copies.map(({ synced }) => synced), discovery.known]),
      detached: entry => {
        releaser.detached(entry);
      },
      publish: (pod, elements) => {
        status.publish(pod, elements);
      },
    },
    metrics.calls,
  );
  const lost = new LostSandboxes({
    checkpoint,
    detach: entry => attacher.detach(entry),
    detached: entry => {
      releaser.detached(entry);
    },
    exclusively: (containerId, work) => calls.exclusively(containerId, work),
    logger,
  });
  const server = new SocketServer({ path: options.socket, answer: request => calls.answer(request), logger });
  const health = new HealthServer({
    port: options.healthPort,
    logger,
    registry,
    ready: {
      informers: informersSynced(copies),
      'cni-server': () => server.listening || 'the socket is not served yet',
    },
  });
  return [
    health,
    kernelEvents,
    events,
    ...copies.map(unawaited),
    records,
    releaser,
    lost,
    status,
    server,
    ...(options.chain === undefined ? [] : [new ChainedNetwork({ folder: options.chain, logger, observer: queues })]),
    discovery,
    routes,
    hostRoutes,
    probe,
  ];
}

/** DEL and VERSION are served without the API server: nothing waits for its objects to be read, but ADD itself. */
function unawaited(informer: { readonly name: string; start(signal?: AbortSignal): Promise<void> }): Runnable {
  return { name: informer.name, start: signal => informer.start(signal) };
}
