import type { Logger } from 'pino';
import type { OnStep } from '../base/steps.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Delegates } from '../delegate/delegates.ts';
import type { Netlink } from '../netlink/netlink.ts';

/** What making and removing attachments takes. */
export interface AttachTools {
  readonly netlink: Netlink;
  readonly checkpoint: Checkpoint;
  readonly delegates: Delegates;
  /** Where sysfs is mounted. */
  readonly sysfs: string;
  readonly logger: Logger;
  readonly onStep: OnStep;
}
