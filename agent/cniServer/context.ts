import type { Logger } from 'pino';
import type { ClusterView, KnownNetwork } from '../../kube/view/clusterView.ts';
import type { Attacher } from '../attach/attacher.ts';
import type { KeyedSerial } from '../base/serial.ts';
import type { OnStep } from '../base/steps.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import type { AddsUnderWay } from '../copies/addsUnderWay.ts';
import type { Decider } from '../decision/decider.ts';
import type { Delegates } from '../delegate/delegates.ts';
import type { Netlink } from '../netlink/netlink.ts';
import type { NetworkStatus } from '../status/networkStatus.ts';

/** What answering CNI calls needs. */
export interface CniContext {
  readonly logger: Logger;
  /** Its name. */
  readonly node: string;
  readonly netlink: Netlink;
  readonly attacher: Attacher;
  readonly checkpoint: Checkpoint;
  /** Work on sandboxes, by container: calls for one must not overlap, nor whatever else removes its attachments. */
  readonly sandboxes: KeyedSerial;
  readonly decider: Decider;
  readonly adds: AddsUnderWay;
  readonly view: ClusterView;
  readonly delegates: Delegates;
  readonly onStep: OnStep;
  /** Whether the node has what one more attachment takes. @throws MultiNicError */
  readonly checkRoom: (known: KnownNetwork) => void;
  /** Resolves when everything that ADD needs is known. */
  readonly synced: Promise<unknown>;
  /** Told when an attachment was removed, or what could be removed of it. */
  readonly detached: (entry: CheckpointEntry) => void;
  /** Writes a pod's network-status, some time. */
  readonly publish: (pod: { namespace: string; name: string; uid: string }, status: NetworkStatus[]) => void;
}
