import type { Logger } from 'pino';
import type { EventRecorder } from '../../kube/report/events.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { ConditionState } from '../discovery/hostInterfaceWriter.ts';

export interface SettingsReportOptions {
  readonly view: Pick<ClusterView, 'host'>;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly node: string;
  readonly logger: Logger;
  /** Told the conditions of every pass. */
  readonly settings?: (conditions: readonly ConditionState[]) => void;
}

/** Tells in events of the HostInterface, and in the log, of each setting of the host that begins to keep traffic from pods, or no longer does. */
export class SettingsReport {
  readonly #options: SettingsReportOptions;
  /** What was told of each condition that is not True. */
  readonly #wrong = new Map<string, string>();

  constructor(options: SettingsReportOptions) {
    this.#options = options;
  }

  /** @param conditions about settings of the host, each of another type */
  tell(conditions: readonly ConditionState[]): void {
    this.#options.settings?.(conditions);
    for (const condition of conditions) this.#tellOf(condition);
  }

  #tellOf({ type, status, reason, message }: ConditionState): void {
    const { view, events, node, logger } = this.#options;
    const host = view.host(node);
    const before = this.#wrong.get(type);
    if (status !== 'True') {
      if (before === message) return;
      this.#wrong.set(type, message);
      logger.warn({ condition: type, reason }, message);
      if (host) events.record(host, 'Warning', reason, message);
    } else if (this.#wrong.delete(type)) {
      logger.info({ condition: type, reason }, message);
      if (host) events.record(host, 'Normal', reason, message);
    }
  }
}
