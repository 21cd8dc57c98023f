import { certificates } from '../core/api/names.ts';
import { MultiNicError } from '../core/errors.ts';
import { sleep } from '../kube/api/deadline.ts';
import type { KubeObject } from '../kube/api/types.ts';
import { FirstSeen } from '../kube/process/firstSeen.ts';
import { group, type Runnable } from '../kube/process/lifecycle.ts';
import { Informer } from '../kube/watch/informer.ts';
import type { ReflectorObserver } from '../kube/watch/reflector.ts';
import { configurationResources } from './certificates/webhookConfigurations.ts';
import type { LeaderContext } from './context/leaderContext.ts';

export interface RegistrationOptions extends Pick<LeaderContext, 'client' | 'logger' | 'events'> {
  /** How long a configuration may be away before that is told, ms: an installation and a replacement make it a little later than the rest. */
  readonly graceMs: number;
  /** Time between two looks at the copies, ms. */
  readonly intervalMs: number;
  readonly observer?: ReflectorObserver | undefined;
}

const { service: name } = certificates;

/** Tells where the API server does not know the webhooks: nobody else would, as pods are then created as if there were none of them. */
export class Registration implements Runnable {
  readonly name = 'webhook registration';
  readonly #options: RegistrationOptions;
  readonly #informers: ReadonlyMap<string, Informer<KubeObject>>;
  readonly #missing = new FirstSeen();

  constructor(options: RegistrationOptions) {
    this.#options = options;
    const { client, logger, observer } = options;
    this.#informers = new Map(
      configurationResources.map(resource => [
        resource.kind,
        new Informer<KubeObject>({
          client,
          logger,
          resource,
          name: `registration: ${resource.plural}`,
          fieldSelector: `metadata.name=${name}`,
          transform: ({ metadata }) => ({ metadata }),
          observer,
        }),
      ]),
    );
  }

  /** Of each kind of configuration, whether it is there; nothing before that is known. */
  get state(): ReadonlyMap<string, boolean> {
    const known = [...this.#informers].filter(([, informer]) => informer.hasSynced);
    return new Map(known.map(([kind, informer]) => [kind, informer.get({ name }) !== undefined]));
  }

  async start(signal: AbortSignal): Promise<void> {
    const watching = group(this.name, [...this.#informers.values()]).start(signal);
    const told = new Set<string>();
    while (!signal.aborted) {
      for (const [kind, isThere] of this.state) {
        if (isThere) told.delete(kind);
        else if (!told.has(kind) && this.#missing.ageMs(kind) >= this.#options.graceMs) {
          told.add(kind);
          this.#tell(kind);
        }
      }
      this.#missing.keep(new Set([...this.state].flatMap(([kind, isThere]) => (isThere ? [] : [kind]))));
      await sleep(this.#options.intervalMs, signal);
    }
    await watching;
  }

  #tell(kind: string): void {
    const { logger, events } = this.#options;
    const { message } = new MultiNicError('MNN_WEBHOOK_UNREGISTERED', `there is no ${kind} ${name}`);
    logger.error({ reason: message }, 'the API server does not ask the webhooks');
    const subject = { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name } };
    events.record(subject, 'Warning', 'WebhookUnregistered', message);
  }
}
