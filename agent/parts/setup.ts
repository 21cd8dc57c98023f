import type { Logger } from 'pino';
import type { KubeClient } from '../../kube/api/client.ts';
import type { Metrics } from '../../kube/report/metrics.ts';
import type { OnStep } from '../base/steps.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Flags } from '../flags.ts';
import type { AgentMetrics } from '../metrics.ts';
import type { Netlink } from '../netlink/netlink.ts';

/** What the agent is built on; whoever opened it closes it. */
export interface AgentBase {
  readonly client: KubeClient;
  readonly netlink: Netlink;
  readonly checkpoint: Checkpoint;
  readonly logger: Logger;
  readonly onStep: OnStep;
}

/** What all parts are made of. */
export interface AgentSetup extends AgentBase, Pick<Metrics, 'informers' | 'queues'> {
  readonly options: Flags;
  readonly metrics: AgentMetrics;
}
