import type { Logger } from 'pino';
import type { AllocatedNic, HostNic } from '../../core/api/types.ts';
import { compareNaturally } from '../../core/naturalOrder.ts';
import { abortable } from '../../kube/api/deadline.ts';
import { isConflict, isRetryable } from '../../kube/api/errors.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { SingleWork } from '../../kube/process/singleWork.ts';
import type { WorkQueueObserver } from '../../kube/process/workQueue.ts';
import { mainTable } from '../netlink/constants.ts';
import type { MonitorEvent } from '../netlink/monitor.ts';
import type { Netlink } from '../netlink/netlink.ts';
import type { HostInterfaceWriter } from './hostInterfaceWriter.ts';
import { hostNic, linksWithAddress, nicLinks, type PrimaryOptions, vlanParent } from './hostNics.ts';
import { NicEvents } from './nicEvents.ts';
import { type NicPlaces, nicPlaces, placesCondition, placesConditionType } from './nicPlaces.ts';
import { isOffered, type NicRules } from './nicRules.ts';
import { readDevice } from './sysfs.ts';

export interface DiscoveryOptions {
  readonly netlink: Netlink;
  readonly writer: HostInterfaceWriter;
  readonly rules: NicRules;
  readonly primary: PrimaryOptions;
  /** Names of the host's NICs that are in pods now. */
  readonly inPods: () => ReadonlySet<string>;
  /** What pods hold of the host's NICs; undefined while that is not known. */
  readonly held: () => readonly AllocatedNic[] | undefined;
  /** Told the NICs that the HostInterface lists, as they are, each time they have been looked at. */
  readonly found?: (nics: readonly HostNic[]) => void;
  readonly logger: Logger;
  readonly observer?: WorkQueueObserver;
}

/** Changes come in bursts (a link that comes up causes a dozen events): they are handled together, this long after the first, ms. */
const settleMs = 200;
/** CNI calls wait while links are read: after a reading they have this many times as long. */
const restFactor = 4;
/** Changes without an event (a speed, a VF count) are seen after this at the latest, ms. */
const resyncMs = 5 * 60_000;
/** How often to check whether pods still hold NICs in their places, ms: pods end without an event here. */
const heldMs = 60_000;
/** The same while it is not known what pods hold. */
const unknownMs = 1_000;

/** Keeps the node's HostInterface in step with its NICs. */
export class Discovery implements Runnable {
  readonly name = 'discovery';
  readonly #options: DiscoveryOptions;
  readonly #work: SingleWork;
  readonly #events = new NicEvents();
  #lastReading = { endedAt: -Infinity, tookMs: 0 };
  readonly #known = Promise.withResolvers<void>();

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const { logger, observer } = options;
    this.#work = new SingleWork({ name: this.name, logger, observer, handler: signal => this.#reconcile(signal) });
  }

  /** Has the NICs looked at again soon; on a host with thousands of links, where that takes long, not all the time. */
  trigger(): void {
    const { endedAt, tookMs } = this.#lastReading;
    this.#work.trigger(Math.max(settleMs, endedAt + restFactor * tookMs - performance.now()));
  }

  onKernelEvent(event: MonitorEvent): void {
    if (this.#events.isConcernedBy(event)) this.trigger();
  }

  /**
   * Resolves when the HostInterface, in the copy that all parts of this agent read, agrees with the host, or cannot be made to: after a reboot, the
   * same names may belong to other NICs.
   */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  async start(signal: AbortSignal): Promise<void> {
    const isRead = await abortable(this.#options.writer.synced, signal).then(
      () => true,
      () => false,
    );
    if (isRead) await this.#work.start(signal);
  }

  async #reconcile(signal: AbortSignal): Promise<{ requeueAfterMs: number }> {
    const { writer, held: heldNow, rules } = this.#options;
    const { nics, addressed } = await this.#nics();
    const found = [...nics, ...this.#moved(nics)];
    const held = heldNow();
    const { lost: gone, early } = nicPlaces({ known: writer.nics(), found, addressed, held });
    const lost = gone.filter(nic => isOffered(nic, rules));
    const offered = found.filter(nic => !early.includes(nic));
    const all = [...offered, ...lost].sort(byName);
    this.#options.found?.(writer.isUsers ? all.filter(nic => this.#isListed(nic)) : all);
    const waitMs = await this.#tell(all, signal);
    if (held) await this.#tellPlaces({ lost, early }, signal);
    const isSteady = lost.length === 0 && early.length === 0;
    return { requeueAfterMs: waitMs ?? (isSteady ? resyncMs : held ? heldMs : unknownMs) };
  }

  #isListed({ interfaceName }: HostNic): boolean {
    return this.#options.writer.nics().some(nic => nic.interfaceName === interfaceName);
  }

  /** Most hosts never have anything to report, and every report goes to every agent. Where a user owns the object, only the user says which NICs there are. */
  async #tellPlaces(places: NicPlaces, signal: AbortSignal): Promise<void> {
    const { writer } = this.#options;
    const condition = placesCondition(writer.isUsers ? { lost: [], early: [] } : places);
    if (condition.status === 'True' && !writer.hasCondition(placesConditionType)) return;
    await writer.writeConditions([condition], signal);
  }

  async #tell(nics: readonly HostNic[], signal: AbortSignal): Promise<number | undefined> {
    const { writer } = this.#options;
    try {
      const waitMs = await writer.writeNics(nics, signal);
      if (writer.isTold(nics)) this.#known.resolve();
      return waitMs;
    } catch (error) {
      if (!isRetryable(error) && !isConflict(error)) this.#known.resolve();
      throw error;
    }
  }

  /** NICs that went into pods stay listed as they were: they come back, and networks must not lose them meanwhile. */
  #moved(found: readonly HostNic[]): HostNic[] {
    const { writer, inPods } = this.#options;
    const names = inPods();
    const onHost = new Set(found.map(({ interfaceName }) => interfaceName));
    return writer.nics().filter(({ interfaceName }) => names.has(interfaceName) && !onHost.has(interfaceName));
  }

  /** The NICs that are offered, and the names of all links with an address. */
  async #nics(): Promise<{ nics: HostNic[]; addressed: Set<string> }> {
    const { netlink, rules, primary, writer } = this.#options;
    const begun = performance.now();
    this.#events.begin();
    const [links, addresses, routes] = await netlink.run(null, [
      { op: 'link.list' },
      { op: 'address.list' },
      { op: 'route.list', table: mainTable, near: true },
    ]);
    this.#lastReading = { endedAt: performance.now(), tookMs: performance.now() - begun };
    if (this.#events.haveRead({ links, addresses, routes })) this.trigger();
    const known = writer.nics();
    const nics = await Promise.all(
      nicLinks({ links, addresses, routes }, primary, known).map(async link => {
        const device = await readDevice(link.name, vlanParent(link, links));
        const before = known.find(({ interfaceName }) => interfaceName === link.name);
        return hostNic(link, { addresses, routes }, device, before);
      }),
    );
    return { nics: nics.filter(nic => isOffered(nic, rules)), addressed: linksWithAddress({ links, addresses }) };
  }
}

function byName(a: HostNic, b: HostNic): number {
  return compareNaturally(a.interfaceName, b.interfaceName);
}
