import { label } from '../../core/api/names.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import { PoolFeed } from '../../kube/pools/poolFeed.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import { Informer } from '../../kube/watch/informer.ts';
import { type ReadyOptions, ReadyReservations } from '../../webhook/context/readyReservations.ts';
import { ReleasePatience } from '../../webhook/context/releasePatience.ts';
import { Reservations } from '../../webhook/context/reservations.ts';
import type { ReviewContext } from '../../webhook/context/reviewContext.ts';
import { mutateBindings } from '../../webhook/pods/mutateBindings.ts';
import { mutatePods } from '../../webhook/pods/mutatePods.ts';
import { validatePods } from '../../webhook/pods/validatePods.ts';
import { callBudget, within } from '../../webhook/review/call.ts';
import type { Decision } from '../../webhook/review/decision.ts';
import type { AdmissionRequest } from '../../webhook/review/review.ts';
import type { Reviewer } from '../../webhook/server/app.ts';
import type { ActorClient } from './actorClient.ts';
import { type Setting, silent } from './setting.ts';

/** The replica cannot be reached: it died, also while it worked on the review. */
export class Unreachable extends Error {}

type Path = 'mutate-pods' | 'mutate-bindings' | 'validate-pods';

/** One replica of the webhook: the real reviewers on a pool store and copies of its own. */
export class WebhookReplica {
  readonly client: ActorClient;
  readonly #reviewers: Readonly<Record<Path, Reviewer>>;
  readonly #unassigned: Informer<Pod>;
  readonly #feed: PoolFeed;
  readonly #dying = new AbortController();
  readonly #dead = Promise.withResolvers<never>();

  constructor(client: ActorClient, setting: Setting, ready: Partial<ReadyOptions>) {
    this.client = client;
    this.#dead.promise.catch(() => undefined);
    this.#unassigned = new Informer({
      client,
      resource: pods,
      logger: silent,
      fieldSelector: 'spec.nodeName=',
      labelSelector: `${label.injected}=true`,
    });
    const store = new PoolStore(client, { logger: silent, untracked: true });
    this.#feed = new PoolFeed({ client, store, logger: silent });
    const reservations = new Reservations(store, silent);
    const context: ReviewContext = {
      client,
      view: setting.view,
      store,
      reservations,
      ready: new ReadyReservations(store, reservations, { logger: silent, ...ready }),
      namespaces: setting.namespaces,
      deviceClasses: setting.deviceClasses,
      profiles: setting.profiles,
      quotas: setting.quotas,
      releases: new ReleasePatience(),
      events: { record: () => undefined },
      unassignedPods: this.#unassigned,
      logger: silent,
    };
    const options = { systemUsers: new Set<string>() };
    this.#reviewers = {
      'mutate-pods': mutatePods(context),
      'mutate-bindings': mutateBindings(context),
      'validate-pods': validatePods(context, options),
    };
  }

  /** Resolves when it would take reviews. */
  async start(): Promise<void> {
    void this.#unassigned.start(this.#dying.signal);
    void this.#feed.start(this.#dying.signal);
    await this.#unassigned.synced;
  }

  /** @throws Unreachable; what the reviewer throws */
  review(path: Path, request: AdmissionRequest): Promise<Decision> {
    const budget = callBudget('5s');
    const work = within(budget, (async () => this.#reviewers[path](request, budget))());
    return Promise.race([work, this.#dead.promise]);
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.#dead.reject(new Unreachable('the webhook died'));
    this.#dying.abort();
    await this.client.close();
  }
}
