import type { HostInterface } from '../../core/api/types.ts';
import { sameInterfaces, sameSpec } from '../../core/network/versions.ts';
import { onAny } from '../../kube/watch/informerHandlers.ts';
import { Discovery } from '../discovery/discovery.ts';
import { HostInterfaceWriter } from '../discovery/hostInterfaceWriter.ts';
import { KernelEvents } from '../kernelEvents.ts';
import { ConnectivityProbe } from '../probe/connectivityProbe.ts';
import { HostRoutes } from '../routes/hostRoutes.ts';
import { RouteKeeper } from '../routes/routeKeeper.ts';
import type { ClusterParts } from './cluster.ts';
import type { AgentSetup } from './setup.ts';

/** The parts that look after the host's network, independent of pods. */
export interface HostParts {
  readonly kernelEvents: KernelEvents;
  readonly discovery: Discovery;
  readonly routes: RouteKeeper;
  readonly hostRoutes: HostRoutes;
  readonly probe: ConnectivityProbe;
}

/** The parts, connected to changes in the kernel and in the cluster. */
export function hostParts(setup: AgentSetup, cluster: ClusterParts): HostParts {
  const { client, netlink, checkpoint, logger, options, metrics, queues: observer } = setup;
  const { sources, view, records, events } = cluster;
  const node = options.nodeName;
  const writer = new HostInterfaceWriter({ client, informer: sources.hosts, node, logger });
  const shared = { netlink, view, writer, node, logger, observer };
  const parts = {
    kernelEvents: new KernelEvents(netlink, logger),
    discovery: new Discovery({
      netlink,
      writer,
      logger,
      observer,
      rules: options.rules,
      primary: options.primary,
      inPods: () => checkpoint.movedNics(),
      held: () => records.held(),
      found: metrics.nics,
    }),
    routes: new RouteKeeper({
      ...shared,
      events,
      sysfs: options.sysfs,
      programmed: metrics.routes,
      settings: metrics.settings,
    }),
    hostRoutes: new HostRoutes({ netlink, checkpoint, logger, observer }),
    probe: new ConnectivityProbe({ ...shared, events, intervalMs: options.probeIntervalMs, answered: metrics.probe }),
  };
  followKernel(parts);
  followCluster(parts, writer, cluster, node);
  return parts;
}

function followKernel({ kernelEvents, discovery, routes, hostRoutes }: HostParts): void {
  kernelEvents.addListener(event => {
    hostRoutes.onKernelEvent(event);
    discovery.onKernelEvent(event);
    routes.onKernelEvent(event);
  });
}

function followCluster(
  { discovery, routes }: HostParts,
  writer: HostInterfaceWriter,
  { sources, records }: ClusterParts,
  node: string,
): void {
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
    // The rest of the status does not matter here, and changes often.
    updated: (object, previous) => {
      if (!sameSpec(object, previous) || !sameInterfaces(object, previous)) onChange();
    },
    deleted: onChange,
  });
  sources.cidrs.addHandlers(onAny(onChange));
  sources.hosts.addHandlers(onAny(onHost));
}
