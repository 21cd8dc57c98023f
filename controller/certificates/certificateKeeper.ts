import type { Logger } from 'pino';
import { isOurs } from '../../certs/bundle.ts';
import { factsOf, readContent } from '../../certs/content.ts';
import { planRotation, type RotationStep, type StoredFacts } from '../../certs/plan.ts';
import { Sighting } from '../../certs/sighting.ts';
import { messageOf, MultiNicError } from '../../core/errors.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { isLostRace } from '../../kube/api/errors.ts';
import { type Secret, secrets } from '../../kube/api/resources.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import { group, type Runnable } from '../../kube/process/lifecycle.ts';
import { SingleWork } from '../../kube/process/singleWork.ts';
import type { WorkResult } from '../../kube/process/workQueue.ts';
import type { EventRecorder } from '../../kube/report/events.ts';
import { Informer, type InformerOptions } from '../../kube/watch/informer.ts';
import { onAny } from '../../kube/watch/informerHandlers.ts';
import type { CertificateOptions } from './options.ts';
import { keeperOf } from './otherKeepers.ts';
import { type TakenStep, takeStep, type View } from './rotationSteps.ts';
import { configurationResources, readConfigurations } from './webhookConfigurations.ts';

/** What a leader has last seen, and done so far. */
export interface CertificateReport {
  stored: StoredFacts;
  /** What it does, or waits for. */
  state: string;
  steps: ReadonlyMap<RotationStep['do'], { count: number; last: Date }>;
}

export interface CertificateKeeperParts {
  client: KubeClient;
  logger: Logger;
  events: Pick<EventRecorder, 'record'>;
  options: CertificateOptions;
  observer?: InformerOptions<KubeObject>['observer'] | undefined;
}

/** The API server's clock may have jumped, and not every change is seen at once. */
const pollMs = 60_000;

/** Somebody else wrote first: read again a little later, so that two do not go on for ever. */
const conflictMs = 100;

/** What people read of a step, as an event of the Secret and in the log. */
const reports = {
  'create-authority': ['AuthorityCreated', 'created a new certificate authority'],
  'adopt-authorities': ['AuthorityAdopted', 'kept earlier certificate authorities'],
  trust: ['AuthorityTrusted', 'added the authority to the caBundles of the webhooks'],
  'issue-leaf': ['CertificateIssued', 'issued a new serving certificate'],
  'retire-authorities': ['AuthorityRetired', 'retired earlier certificate authorities'],
  distrust: ['AuthorityDistrusted', 'removed retired authorities from the caBundles of the webhooks'],
} as const;

/** The leader's part of the webhook's certificates: has the Secret hold good ones and the API server trust them, step by step. */
export class CertificateKeeper implements Runnable {
  readonly name = 'certificate keeper';
  readonly #parts: CertificateKeeperParts;
  readonly #trusted = new Sighting();
  readonly #served = new Sighting();
  readonly #steps = new Map<RotationStep['do'], { count: number; last: Date }>();
  #report: CertificateReport | undefined;

  constructor(parts: CertificateKeeperParts) {
    this.#parts = parts;
  }

  /** Undefined before the first look. */
  get report(): CertificateReport | undefined {
    return this.#report;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { logger, options } = this.#parts;
    const work = new SingleWork({
      name: 'certificates',
      logger,
      backoff: { maxMs: 5_000 },
      handler: stopping => this.#turn(stopping),
    });
    const look = (): void => {
      work.trigger();
    };
    const watched = [
      this.#informer(secrets, options.secret),
      ...configurationResources.map(resource => this.#informer(resource, { name: options.configurations })),
    ];
    for (const informer of watched) informer.addHandlers(onAny(look));
    await group(this.name, [...watched, work]).start(signal);
  }

  /** Only tells when to look: the objects are read again each time, because a copy may lag. So only metadata are kept. */
  #informer(resource: Resource, { namespace, name }: { namespace?: string; name: string }): Informer<KubeObject> {
    const { client, logger, observer } = this.#parts;
    return new Informer<KubeObject>({
      client,
      logger,
      resource,
      name: `certificates: ${resource.plural}`,
      fieldSelector: `metadata.name=${name}`,
      namespace,
      transform: ({ metadata }) => ({ metadata }),
      observer,
    });
  }

  async #turn(signal: AbortSignal): Promise<WorkResult> {
    try {
      const view = await this.#read(signal);
      const keeper = keeperOf([view.secret, ...view.configurations.map(({ object }) => object)]);
      if (keeper !== undefined) return this.#leaveTo(keeper, view);
      const step = this.#plan(view);
      if (step.do === 'wait') return { requeueAfterMs: Math.min(step.ms, pollMs) };
      const tell = (secret: Secret | undefined, why: string): void => {
        this.#tell(step, secret, why);
      };
      await takeStep(step, view, { ...this.#parts, tell }, signal);
      return { requeueAfterMs: 0 };
    } catch (error) {
      if (isLostRace(error)) return { requeueAfterMs: conflictMs };
      if (signal.aborted) throw error;
      throw new MultiNicError('MNN_CERT_NOT_KEPT', messageOf(error), { cause: error });
    }
  }

  /** The caBundles first: an authority that they have but the Secret, read later, does not, has been retired, and was not just made by another leader. */
  async #read(signal: AbortSignal): Promise<View> {
    const { client, options } = this.#parts;
    const configurations = await readConfigurations(client, options.configurations, signal);
    const secret = await client.find(secrets, options.secret, { signal });
    return { configurations, secret, content: readContent(secret?.data ?? {}) };
  }

  #plan({ configurations, content }: View): RotationStep {
    const { client, options } = this.#parts;
    const stored = factsOf(content, options.serverNames);
    const bundles = configurations.flatMap(configuration =>
      configuration.bundles.map(bundle => bundle.filter(isOurs).map(({ id }) => id)),
    );
    const id = stored.authorities[0]?.id;
    const isTrusted = id !== undefined && bundles.every(bundle => bundle.includes(id));
    const isServed = id !== undefined && stored.leaf?.issuer === id;
    const clockMs = performance.now();
    const trustedMs = this.#trusted.look(isTrusted ? id : undefined, clockMs);
    const servedMs = this.#served.look(isServed ? id : undefined, clockMs);
    const now = client.serverTime.getTime();
    const step = planRotation({ stored, bundles, now, trustedMs, servedMs }, options.policy);
    this.#say(stored, step.do === 'wait' ? step.for : step.do);
    return step;
  }

  #leaveTo(keeper: string, { content }: View): WorkResult {
    const { logger, options } = this.#parts;
    this.#say(factsOf(content, options.serverNames), 'kept-by-others');
    const error = new MultiNicError('MNN_CERT_KEPT_BY_OTHERS', keeper);
    logger.error({ reason: error.message }, 'leaving certificates alone');
    return { requeueAfterMs: pollMs };
  }

  #say(stored: StoredFacts, state: string): void {
    this.#report = { stored, state, steps: this.#steps };
  }

  #tell(step: TakenStep, secret: Secret | undefined, why: string): void {
    const { logger, events, options } = this.#parts;
    const [reason, what] = reports[step.do];
    this.#steps.set(step.do, { count: (this.#steps.get(step.do)?.count ?? 0) + 1, last: new Date() });
    logger.info({ step: step.do, why, secret: options.secret }, what);
    if (!secret) return;
    // Not the Secret itself: an event is kept for a while.
    const subject = { apiVersion: 'v1', kind: 'Secret', metadata: secret.metadata };
    events.record(subject, 'Normal', reason, `${what}: ${why}`);
  }
}
