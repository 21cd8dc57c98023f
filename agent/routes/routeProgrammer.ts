import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { MonitorEvent } from '../netlink/monitor.ts';
import type { Netlink } from '../netlink/netlink.ts';
import { KernelRoutes, type Programmed } from './kernelRoutes.ts';
import { RoutePlan } from './routePlan.ts';

/** What one pass did, and whether it looked at everything. */
export interface Pass extends Programmed {
  readonly complete: boolean;
}

/**
 * Brings the kernel's L3 routes to the wanted state, pass by pass. After a pass that went well, the next one costs only what has changed since:
 * it looks only at hosts whose changes the view has reported, and does not read the kernel's tables. The first pass, and each one after
 * networks, the node's own NICs or something in the kernel may have changed, looks at everything.
 */
export class RouteProgrammer {
  readonly #plan: RoutePlan;
  readonly #kernel: KernelRoutes;
  #changedHosts = new Set<string>();
  #trusted = false;

  constructor(netlink: Netlink, view: ClusterView, node: string) {
    this.#plan = new RoutePlan(view, node);
    this.#kernel = new KernelRoutes(netlink);
    const changed = (host: string): void => {
      this.#changedHosts.add(host);
    };
    view.addHostListener(changed);
    view.addIndexListener(changed);
  }

  /** Makes the next pass a complete one. */
  distrust(): void {
    this.#trusted = false;
  }

  /** @returns whether the event is a reason for a pass, which will then be a complete one */
  onKernelEvent(event: MonitorEvent): boolean {
    const isConcerned = this.#kernel.isConcernedBy(event);
    if (isConcerned) this.distrust();
    return isConcerned;
  }

  /** One at a time. @throws NetlinkError, NetlinkEndedError */
  async pass(): Promise<Pass> {
    const hosts = this.#changedHosts;
    this.#changedHosts = new Set();
    const complete = this.#plan.renew() || !this.#trusted;
    // Set before anything is read: what happens from here on is for the next pass.
    this.#trusted = true;
    try {
      const pass = await (complete
        ? this.#kernel.reconcile(this.#plan.all())
        : this.#kernel.change(this.#plan.changes(hosts)));
      if (pass.failures.length > 0) this.distrust();
      return { ...pass, complete };
    } catch (error) {
      this.distrust();
      throw error;
    }
  }
}
