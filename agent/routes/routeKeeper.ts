import type { Logger } from 'pino';
import { failureMessage, failureText, routesProgrammed } from '../../core/status/routesProgrammed.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { SingleWork } from '../../kube/process/singleWork.ts';
import type { WorkQueueObserver, WorkResult } from '../../kube/process/workQueue.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { ConditionState, HostInterfaceWriter } from '../discovery/hostInterfaceWriter.ts';
import type { MonitorEvent } from '../netlink/monitor.ts';
import type { Netlink } from '../netlink/netlink.ts';
import { arpAnswersCondition } from './arpAnswers.ts';
import { forwardingCondition } from './forwarding.ts';
import type { Programmed } from './kernelRoutes.ts';
import { OwnBlocks, ownBlocks } from './ownBlocks.ts';
import { rdmaCondition } from './rdmaMode.ts';
import { reversePathCondition } from './reversePath.ts';
import { RouteProgrammer } from './routeProgrammer.ts';
import { SettingsReport, type SettingsReportOptions } from './settingsReport.ts';

export interface RouteKeeperOptions extends SettingsReportOptions {
  readonly netlink: Netlink;
  /** For example /sys. */
  readonly sysfs: string;
  readonly view: ClusterView;
  readonly writer: HostInterfaceWriter;
  readonly node: string;
  readonly logger: Logger;
  readonly observer?: WorkQueueObserver;
  /** Told the result of every pass. */
  readonly programmed?: (pass: Programmed) => void;
}

/** From a change in the cluster, or in the kernel, to the next pass, ms: changes come in bursts. */
const clusterSettleMs = 500;
const kernelSettleMs = 200;
const notReadyMs = 500;
const failedMs = 10_000;
const resyncMs = 5 * 60_000;
const shownFailures = 3;

/**
 * Keeps the kernel's L3 routes as networks, hosts and host indexes want them. Conditions are written apart from that: routes must not wait for an API
 * server that does not answer.
 */
export class RouteKeeper implements Runnable {
  readonly name = 'routes';
  readonly #options: RouteKeeperOptions;
  readonly #work: SingleWork;
  readonly #telling: SingleWork;
  readonly #programmer: RouteProgrammer;
  readonly #blocks: OwnBlocks;
  readonly #settings: SettingsReport;
  #completeAt = -Infinity;
  #last: Programmed | undefined;
  /** The failures that were logged last. */
  #told = '';

  constructor(options: RouteKeeperOptions) {
    this.#options = options;
    const { netlink, view, node, logger, observer } = options;
    this.#programmer = new RouteProgrammer(netlink, view, node);
    this.#blocks = new OwnBlocks(netlink);
    this.#settings = new SettingsReport(options);
    this.#work = new SingleWork({ name: this.name, logger, observer, handler: () => this.#reconcile() });
    const handler = (signal: AbortSignal): Promise<WorkResult> => this.#tell(signal);
    this.#telling = new SingleWork({ name: 'route conditions', logger, observer, handler });
  }

  /** A network, a host or a host index has changed. */
  onClusterChange(): void {
    this.#work.trigger(clusterSettleMs);
  }

  /** Events that may mean lost routes: a link that went down or came back, a flush by hand. Pods that come and go cause no pass. */
  onKernelEvent(event: MonitorEvent): void {
    const isBlockLost = this.#blocks.isConcernedBy(event);
    if (isBlockLost) this.#blocks.distrust();
    if (this.#programmer.onKernelEvent(event) || isBlockLost) this.#work.trigger(kernelSettleMs);
  }

  async start(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#work.start(signal), this.#telling.start(signal)]);
  }

  async #reconcile(): Promise<WorkResult> {
    const { view, node, programmed } = this.#options;
    // With an incomplete view, wanted routes would be removed.
    if (!view.synced() || !view.host(node)) return { requeueAfterMs: notReadyMs };
    if (performance.now() >= this.#completeAt + resyncMs) this.#programmer.distrust();
    const { complete, ...routes } = await this.#programmer.pass();
    if (complete) {
      this.#completeAt = performance.now();
      this.#blocks.distrust();
    }
    const blocks = await this.#blocks.reconcile(ownBlocks(view, node));
    const pass = { changes: routes.changes + blocks.changes, failures: [...routes.failures, ...blocks.failures] };
    programmed?.(pass);
    this.#log(pass);
    this.#last = pass;
    this.#telling.trigger();
    return { requeueAfterMs: pass.failures.length > 0 ? failedMs : this.#completeAt + resyncMs - performance.now() };
  }

  /** What came of the last pass, and what keeps traffic away. */
  async #tell(signal: AbortSignal): Promise<WorkResult> {
    const { netlink, sysfs, view, writer, node } = this.#options;
    if (!this.#last) return {};
    const settings = [
      await forwardingCondition(netlink, view, node),
      await reversePathCondition(netlink, view, node),
      await arpAnswersCondition(netlink, view, node),
      await rdmaCondition(sysfs, view, node),
    ];
    this.#settings.tell(settings);
    const waitMs = await writer.writeConditions([routesCondition(this.#last), ...settings], signal);
    return waitMs === undefined ? {} : { requeueAfterMs: waitMs };
  }

  /** What fails is tried again every few seconds, and told once. */
  #log({ changes, failures: all }: Programmed): void {
    const failures = all.slice(0, shownFailures).map(failureText);
    const told = failures.join('; ');
    if (changes === 0 && told === this.#told) return;
    this.#told = told;
    this.#options.logger[all.length > 0 ? 'warn' : 'info']({ changes, failures }, 'routes programmed');
  }
}

/** Without counts: every agent watches these objects, so they should change only when a condition flips. */
function routesCondition({ failures }: Programmed): ConditionState {
  const type = routesProgrammed;
  if (failures.length === 0) {
    // That of a NIC which is set down has none: it is not named, or each flap would be written.
    const message = 'The routes of every L3 network are in the kernel, but for those by NICs that are set down';
    return { type, status: 'True', reason: 'Programmed', message };
  }
  return { type, status: 'False', reason: 'Refused', message: failureMessage(failures) };
}
