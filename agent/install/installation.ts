import type { Logger } from 'pino';
import { component } from '../../core/api/names.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { isNotFound } from '../../kube/api/errors.ts';
import { daemonSets, namespaces, serviceAccounts } from '../../kube/api/resources.ts';
import type { KubeObject, ObjectRef, Resource } from '../../kube/api/types.ts';
import { group, type Runnable } from '../../kube/process/lifecycle.ts';
import { Informer } from '../../kube/watch/informer.ts';

/** Part of the time that a pod has to end, ms. */
const askTimeoutMs = 5_000;

/**
 * Whether the system is being uninstalled. An uninstallation removes the agent's account and its rights in any order, often before the agent
 * is asked to end, and from then on no request is answered. So the agent's namespace and its account, which go first, are watched all along: a
 * watch that is open already still tells of their end. They hardly ever change otherwise. By its account an agent learns of it where the namespace
 * stays: one that others use, too, or a tool that prunes no namespaces.
 */
export class Installation implements Runnable {
  readonly name = 'installation';
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #logger: Logger;
  readonly #watches: Runnable;
  #isGoing = false;
  #hasAccount = true;

  /** @param namespace where the agent's DaemonSet is */
  constructor(client: KubeClient, namespace: string, logger: Logger) {
    this.#client = client;
    this.#namespace = namespace;
    this.#logger = logger;
    const watch = (name: string, resource: Resource<KubeObject>, ref: ObjectRef): Informer<KubeObject> =>
      new Informer({
        ...{ client, logger, resource, name, listFromCache: true },
        ...{ namespace: ref.namespace, fieldSelector: `metadata.name=${ref.name}` },
      });
    const ownNamespace = watch('own namespace', namespaces, { name: namespace });
    const ownAccount = watch('own account', serviceAccounts, { namespace, name: component.agent });
    const look = ({ metadata }: KubeObject): void => {
      this.#isGoing ||= metadata.deletionTimestamp !== undefined;
    };
    const gone = (): void => {
      this.#isGoing = true;
    };
    ownNamespace.addHandlers({ added: look, updated: look, deleted: gone });
    ownAccount.addHandlers({
      // Whoever replaces it by force deletes it first.
      added: () => {
        this.#hasAccount = true;
      },
      deleted: () => {
        this.#hasAccount = false;
      },
    });
    this.#watches = group(this.name, [ownNamespace, ownAccount]);
  }

  /** Resolves when namespace and account are watched. */
  async untilWatched(): Promise<void> {
    await this.#watches.ready?.();
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#watches.start(signal);
  }

  /**
   * Whether this agent ends because the system is being uninstalled, and not because its pod is replaced or its node drained: its namespace or
   * its account was seen to go, or its DaemonSet or the namespace is gone or going. Nothing else counts: an API server that does not answer, or that does
   * not let the agent ask (an expired token, a mistake in its rights), proves nothing, and the node keeps its network.
   */
  async isGone(): Promise<boolean> {
    if (this.#isGoing || !this.#hasAccount) return true;
    const going = await Promise.all([
      this.#isGoingOf(daemonSets, { namespace: this.#namespace, name: component.agent }),
      this.#isGoingOf(namespaces, { name: this.#namespace }),
    ]);
    return going.includes(true);
  }

  /**
   * Whether the next agent will chain the primary network in this folder, as the DaemonSet's template says. Where that cannot be read, or says
   * nothing of the agent, it will: pods that need its interfaces would start without them.
   */
  async chains(folder: string): Promise<boolean> {
    const ref = { namespace: this.#namespace, name: component.agent };
    const daemonSet = await this.#client.get(daemonSets, ref, { timeoutMs: askTimeoutMs }).catch((error: unknown) => {
      this.#logger.warn({ err: error, folder }, 'the DaemonSet cannot be read: the chained network stays on this node');
    });
    const agent = daemonSet?.spec?.template.spec?.containers.find(({ name }) => name === 'agent');
    return agent === undefined || (agent.args ?? []).some(arg => arg === folder || arg === `--chain=${folder}`);
  }

  async #isGoingOf<T extends KubeObject>(kind: Resource<T>, ref: ObjectRef): Promise<boolean> {
    try {
      const { metadata } = await this.#client.get(kind, ref, { timeoutMs: askTimeoutMs });
      return metadata.deletionTimestamp !== undefined;
    } catch (error) {
      // With a reason the answer comes from the API server itself, and not from something in between.
      return isNotFound(error) && error.reason === 'NotFound';
    }
  }
}
