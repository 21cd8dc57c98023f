import { Counter, type Registry } from 'prom-client';
import type { MultiNicError } from '../../core/errors.ts';
import { PoolFullError } from '../../kube/pools/poolFull.ts';
import type { EventRecorder } from '../../kube/report/events.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';

/** At most one event per network in this time: the scheduler and Deployments try again and again. */
const eventEveryMs = 10_000;

export interface ExhaustionOptions {
  registry: Registry;
  view: ClusterView;
  events: Pick<EventRecorder, 'record'>;
  /** A monotonic clock in milliseconds. */
  now?: () => number;
}

/** Records events of networks that have run out of addresses: the pod's owner learns of it from the refusal, the network's owner from this. */
export class Exhaustion {
  readonly #options: ExhaustionOptions;
  readonly #refusals: Counter<'network'>;
  readonly #toldAt = new Map<string, number>();

  constructor(options: ExhaustionOptions) {
    this.#options = options;
    const { view } = options;
    this.#refusals = new Counter({
      name: 'multinic_pool_exhausted_total',
      help: 'Pods and bindings refused because the network had no address left.',
      labelNames: ['network'],
      registers: [options.registry],
      // Prometheus counts from the first number that it has seen, so the first refusal must not be that.
      collect() {
        for (const network of view.networkNames()) this.inc({ network }, 0);
      },
    });
  }

  /** Takes any refusal, and ignores those for another reason. */
  refused(error: MultiNicError): void {
    if (!(error instanceof PoolFullError)) return;
    const { network } = error;
    this.#refusals.inc({ network });
    const { view, events, now = () => performance.now() } = this.#options;
    const at = now();
    if (at - (this.#toldAt.get(network) ?? -Infinity) < eventEveryMs) return;
    const known = view.network(network);
    if (!known) {
      this.#toldAt.delete(network);
      return;
    }
    this.#toldAt.set(network, at);
    events.record(known.object, 'Warning', 'PoolExhausted', `${error.detail}. ${error.fix}`);
  }
}
