import type { Logger } from 'pino';
import type { KubeClient } from '../../kube/api/client.ts';
import { sleep } from '../../kube/api/deadline.ts';
import { isNotFound } from '../../kube/api/errors.ts';
import { apiVersionOf } from '../../kube/api/resources.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import type { Informer } from '../../kube/watch/informer.ts';

export interface OptionalResourceOptions<T extends KubeObject> {
  client: KubeClient;
  resource: Resource<T>;
  /** Not started yet. */
  informer: Informer<T>;
  logger: Logger;
  /** How often to ask whether the resource is there now, in milliseconds. */
  recheckMs: number;
}

/** A resource that another system installs and its objects: a cluster may get Multus or an operator later, or never. */
export class OptionalResource<T extends KubeObject> {
  readonly informer: Informer<T>;
  readonly #options: OptionalResourceOptions<T>;
  #installed: boolean | undefined;

  constructor(options: OptionalResourceOptions<T>) {
    this.informer = options.informer;
    this.#options = options;
  }

  /** Whether the resource is there and its objects are known; undefined while that is not known. */
  get installed(): boolean | undefined {
    return this.#installed;
  }

  /**
   * Asks until the resource is there, then runs its informer until the signal aborts.
   * @param onChange called whenever the answer changes
   */
  async run(signal: AbortSignal, onChange: () => void): Promise<void> {
    const { resource, logger, recheckMs } = this.#options;
    while (!signal.aborted && !(await this.#isServed(signal))) {
      if (this.#installed === undefined && !signal.aborted) {
        this.#installed = false;
        logger.info(
          { kind: resource.kind },
          'the cluster does not have the resource: going on without it until it has',
        );
        onChange();
      }
      await sleep(recheckMs, signal);
    }
    if (signal.aborted) return;
    const running = this.informer.start(signal);
    void this.informer.synced.then(() => {
      this.#installed = true;
      onChange();
    });
    await running;
  }

  /** False if the API server does not list the resource. Any other failure proves nothing, and the question is repeated. */
  async #isServed(signal: AbortSignal): Promise<boolean> {
    const { client, resource, logger, recheckMs } = this.#options;
    while (!signal.aborted) {
      try {
        const path = `/apis/${apiVersionOf(resource)}`;
        const { resources = [] } = await client.request<ApiResourceList>('GET', path, { signal });
        return resources.some(({ name }) => name === resource.plural);
      } catch (error) {
        if (isNotFound(error)) return false;
        if (!signal.aborted)
          logger.warn(
            { err: error, kind: resource.kind },
            'it is not known whether the cluster has the resource, going on',
          );
        await sleep(Math.min(5_000, recheckMs), signal);
      }
    }
    return false;
  }
}

/** meta/v1 APIResourceList: what one group and version has; subresources are listed as `plural/name`. */
interface ApiResourceList {
  resources?: { name: string }[];
}
