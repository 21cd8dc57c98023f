import { deviceClasses } from '../../kube/api/resources.ts';
import { Attacher } from '../attach/attacher.ts';
import { KeyedSerial } from '../base/serial.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { CniCalls } from '../cniServer/calls.ts';
import type { CniContext } from '../cniServer/context.ts';
import { removeEntry } from '../cniServer/remove.ts';
import { SocketServer } from '../cniServer/socketServer.ts';
import { AddsUnderWay } from '../copies/addsUnderWay.ts';
import { Decider } from '../decision/decider.ts';
import { checkRoom } from '../decision/room.ts';
import { Delegates } from '../delegate/delegates.ts';
import { KubeletDevices } from '../devices/kubeletDevices.ts';
import { Inspector } from '../inspection/inspector.ts';
import { tellUnattachedPods } from '../inspection/unattachedPods.ts';
import { LostRecords } from '../release/lostRecords.ts';
import { LostSandboxes } from '../release/lostSandboxes.ts';
import { Releaser } from '../release/releaser.ts';
import { StatusWriter } from '../status/statusWriter.ts';
import { WaitingStatuses } from '../status/waitingStatuses.ts';
import type { ClusterParts } from './cluster.ts';
import type { AgentSetup } from './setup.ts';

/** The parts that make and remove pods' attachments. */
export interface CniParts {
  readonly releaser: Releaser;
  readonly lost: LostSandboxes;
  readonly lostRecords: LostRecords;
  readonly status: StatusWriter;
  readonly inspector: Inspector;
  readonly server: SocketServer;
}

/** @param synced resolves when everything that ADD needs is known */
export function cniParts(setup: AgentSetup, cluster: ClusterParts, synced: Promise<unknown>): CniParts {
  const { client, netlink, checkpoint, logger, onStep, options, metrics, queues: observer } = setup;
  const { view, pods, records, store } = cluster;
  const node = options.nodeName;
  const adds = new AddsUnderWay(pods);
  tellUnattachedPods({ pods: pods.informer, checkpoint, events: cluster.events, node });
  const releaser = new Releaser({ pods, adds, records, store, checkpoint, logger, observer });
  const detached = (entry: CheckpointEntry): void => {
    releaser.detached(entry);
  };
  const status = new StatusWriter({ client, waiting: new WaitingStatuses(options.stateDir, logger), logger, observer });
  const delegates = new Delegates(options.cniPath);
  const attacher = new Attacher({ netlink, checkpoint, delegates, sysfs: options.sysfs, logger, onStep });
  const sandboxes = new KeyedSerial();
  const context: CniContext = {
    logger,
    node,
    netlink,
    attacher,
    checkpoint,
    sandboxes,
    adds,
    view,
    delegates,
    onStep,
    synced,
    decider: createDecider(setup, cluster),
    checkRoom: known => {
      checkRoom(view, records, known, node);
    },
    detached,
    publish: (pod, elements) => {
      status.publish(pod, elements);
    },
  };
  const calls = new CniCalls(context, metrics.calls);
  const lost = new LostSandboxes({ checkpoint, sandboxes, remove: entry => removeEntry(context, entry), logger });
  const lostRecords = new LostRecords({ checkpoint, pods, records, view, store, node, detached, logger });
  const intervalMs = options.inspectIntervalMs;
  const inspector = new Inspector({ client, netlink, checkpoint, pods, view, logger, intervalMs });
  const server = new SocketServer({ path: options.socket, answer: request => calls.answer(request), logger });
  return { releaser, lost, lostRecords, status, inspector, server };
}

function createDecider({ client, checkpoint, logger, options }: AgentSetup, cluster: ClusterParts): Decider {
  const { view, records, store, events } = cluster;
  const { nodeName: node, sysfs, kubeletDir } = options;
  return new Decider({
    view,
    records,
    store,
    node,
    checkpoint,
    events,
    sysfs,
    kubelet: new KubeletDevices(kubeletDir, logger),
    findClass: (name, signal) => client.find(deviceClasses, { name }, { signal }),
  });
}
