import { setImmediate } from 'node:timers/promises';
import type { MultiNicNetwork } from '../core/api/types.ts';
import { WorkQueue, type WorkQueueOptions } from '../kube/process/workQueue.ts';
import type { Metrics } from '../kube/report/metrics.ts';
import type { LeaderContext } from './context/leaderContext.ts';
import { mellanoxProblem, networkDevices } from './context/networkDevices.ts';
import type { OptionalResources } from './context/optionalResources.ts';
import type { ControllerTimes } from './controllerOptions.ts';
import { definitionKeys, Definitions } from './reconcilers/definitions.ts';
import { HeldLayouts } from './reconcilers/heldLayouts.ts';
import { HostBlocks } from './reconcilers/hostBlocks.ts';
import { NetworkStatuses } from './reconcilers/networkStatus.ts';
import { NodeCapacities } from './reconcilers/nodeCapacities.ts';
import { SriovObjects } from './reconcilers/sriovObjects.ts';

/** One queue a reconciler. Keys are names of networks, of nodes, or `namespace/network`. */
export interface Queues {
  hostBlocks: WorkQueue;
  statuses: WorkQueue;
  definitions: WorkQueue;
  capacities: WorkQueue;
  sriovObjects: WorkQueue;
}

/** Definitions and nodes handled at the same time: enough to keep the API server busy, not more than it grants one client. */
const concurrency = 8;

/** A node that keeps more only for its pods' sake is looked at again after this many sweeps: when a switch is down, there may be thousands. */
const sweepsKept = 4;

/** Time within which a copy nearly always shows what was just written. */
const catchUpMs = 50;

type QueueTimes = Pick<
  ControllerTimes,
  'statusIntervalMs' | 'hostIndexRestMs' | 'interfaceAbsenceMs' | 'sweepIntervalMs'
>;

/** Makes the reconcilers and their queues. */
export function createQueues(
  context: LeaderContext,
  optional: OptionalResources,
  times: QueueTimes,
  observer: Metrics['queues'] | undefined,
): Queues {
  const { blocks, definitions, sriovObjects, capacities, statuses } = createReconcilers(context, optional, times);
  const queue = (name: string, handler: WorkQueueOptions['handler'], keysAtOnce = 1): WorkQueue =>
    new WorkQueue({
      name,
      logger: context.logger,
      concurrency: keysAtOnce,
      observer,
      handler: async (key, signal) => {
        // Most keys need no request, and thousands may be waiting: without this pause they would keep the process from its lease and probes.
        await setImmediate();
        return handler(key, signal);
      },
    });
  const statusQueue = queue('network-status', (key, signal) => statuses.reconcile(key, signal));
  return {
    hostBlocks: queue('host-blocks', async (key, signal) => {
      const result = await blocks.reconcile(key, signal);
      // After the copies have seen what was written.
      statusQueue.addAfter(key, catchUpMs);
      return result;
    }),
    statuses: statusQueue,
    definitions: queue(
      'definitions',
      async (key, signal) => (optional.definitions.installed === true ? definitions.reconcile(key, signal) : {}),
      concurrency,
    ),
    sriovObjects: queue('sriov-objects', async (key, signal) => {
      try {
        return await sriovObjects.reconcile(key, signal);
      } finally {
        statusQueue.addAfter(key, catchUpMs);
      }
    }),
    capacities: queue('node-capacity', (key, signal) => capacities.reconcile(key, signal), concurrency),
  };
}

interface Reconcilers {
  readonly blocks: HostBlocks;
  readonly definitions: Definitions;
  readonly sriovObjects: SriovObjects;
  readonly capacities: NodeCapacities;
  readonly statuses: NetworkStatuses;
}

/** Makes the reconcilers. What a network's status says of the others' work it asks of them. */
function createReconcilers(context: LeaderContext, optional: OptionalResources, times: QueueTimes): Reconcilers {
  const layouts = new HeldLayouts(context);
  const blocks = new HostBlocks(context, layouts, times.hostIndexRestMs);
  const definitions = new Definitions(context, optional);
  const sriovObjects = new SriovObjects(context, optional);
  const capacities = new NodeCapacities(context, sweepsKept * times.sweepIntervalMs);
  const statuses = new NetworkStatuses(
    context,
    {
      definitions: (object: MultiNicNetwork) => definitions.state(object),
      devices: network => mellanoxProblem(network, optional) ?? sriovObjects.problem(network),
      deviceResources: network => {
        const devices = networkDevices(network, optional);
        return devices.kind === 'known' && devices.resources.length > 0 ? devices.resources : undefined;
      },
      unassignedHosts: network => blocks.unassigned(network),
      nodeCapacity: (known, node) => capacities.capacity(known, node),
    },
    layouts,
    times,
  );
  return { blocks, definitions, sriovObjects, capacities, statuses };
}

/** Queues all reconciliations of one network. */
export function addNetwork(queues: Queues, { informers }: Pick<LeaderContext, 'informers'>, network: string): void {
  queues.hostBlocks.add(network);
  queues.sriovObjects.add(network);
  for (const key of definitionKeys(network, informers.namespaces.list())) queues.definitions.add(key);
  for (const { metadata } of informers.nodes.list()) queues.capacities.add(metadata.name);
}
