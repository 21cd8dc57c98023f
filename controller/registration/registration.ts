import { certificates } from '../../core/api/names.ts';
import { MultiNicError } from '../../core/errors.ts';
import { sleep } from '../../kube/api/deadline.ts';
import { FirstSeen } from '../../kube/process/firstSeen.ts';
import { group, type Runnable } from '../../kube/process/lifecycle.ts';
import { Informer } from '../../kube/watch/informer.ts';
import type { ReflectorObserver } from '../../kube/watch/reflector.ts';
import { type Configuration, configurationResources } from '../certificates/webhookConfigurations.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { registrationFaults } from './faults.ts';

export interface RegistrationOptions extends Pick<LeaderContext, 'client' | 'logger' | 'events'> {
  /** How long something may be wrong before that is told, ms: an installation and a replacement make a configuration a little later than the rest. */
  readonly graceMs: number;
  /** Time between two looks at the copies, ms. */
  readonly intervalMs: number;
  readonly observer?: ReflectorObserver | undefined;
}

const { service: name } = certificates;

/**
 * Tells where the API server does not ask the webhooks, or goes on without their answer: nobody else would, as pods are then created as if there were
 * none of them.
 */
export class Registration implements Runnable {
  readonly name = 'webhook registration';
  readonly #options: RegistrationOptions;
  readonly #informers: ReadonlyMap<string, Informer<Configuration>>;
  readonly #wrong = new FirstSeen();

  constructor(options: RegistrationOptions) {
    this.#options = options;
    const { client, logger, observer } = options;
    this.#informers = new Map(
      configurationResources.map(resource => [
        resource.kind,
        new Informer<Configuration>({
          client,
          logger,
          resource,
          name: `registration: ${resource.plural}`,
          fieldSelector: `metadata.name=${name}`,
          observer,
        }),
      ]),
    );
  }

  /** Of each kind of configuration, what is wrong with it, in words; empty where nothing is. Nothing before that is known. */
  get state(): ReadonlyMap<string, string> {
    const known = [...this.#informers].filter(([, informer]) => informer.hasSynced);
    return new Map(known.map(([kind, informer]) => [kind, faultOf(kind, informer.get({ name }))]));
  }

  async start(signal: AbortSignal): Promise<void> {
    const watching = group(this.name, [...this.#informers.values()]).start(signal);
    /** By kind. */
    const told = new Map<string, string>();
    while (!signal.aborted) {
      const wrong = [...this.state].filter(([, fault]) => fault !== '');
      for (const kind of told.keys()) if (!wrong.some(([other]) => other === kind)) told.delete(kind);
      for (const [kind, fault] of wrong) {
        if (told.get(kind) === fault || this.#wrong.ageMs(`${kind} ${fault}`) < this.#options.graceMs) continue;
        told.set(kind, fault);
        this.#tell(kind, fault);
      }
      this.#wrong.keep(new Set(wrong.map(of => of.join(' '))));
      await sleep(this.#options.intervalMs, signal);
    }
    await watching;
  }

  #tell(kind: string, fault: string): void {
    const { logger, events } = this.#options;
    const { message } = new MultiNicError('MNN_WEBHOOK_UNREGISTERED', fault);
    logger.error({ reason: message }, 'the API server does not ask the webhooks as it should');
    const subject = { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name } };
    events.record(subject, 'Warning', 'WebhookUnregistered', message);
  }
}

function faultOf(kind: string, configuration: Configuration | undefined): string {
  if (!configuration) return `there is no ${kind} ${name}`;
  const faults = registrationFaults(kind, configuration.webhooks ?? []);
  return faults.length === 0 ? '' : `${kind} ${name}: ${faults.join('; ')}`;
}
