import { apiGroup } from '../../core/api/names.ts';
import type { ResourceQuota } from '../../kube/api/resources.ts';
import { headOf } from '../../kube/watch/head.ts';
import type { Informer } from '../../kube/watch/informer.ts';

/** Keys of a ResourceQuota that limit our extended resources (Kubernetes, "Resource quota for extended resources"). */
const prefix = 'requests.';

/** What is kept of a quota: what it allows of our resources. */
export function trimQuota(quota: ResourceQuota): ResourceQuota {
  const ours = Object.entries(quota.spec?.hard ?? {}).filter(
    ([key]) => key.startsWith(prefix) && key.includes(`${apiGroup}/`),
  );
  return { ...headOf(quota), spec: { hard: Object.fromEntries(ours) } };
}

/**
 * Which of our resources a namespace's quotas forbid, by allowing none of them. A pod there must not be made to ask for them, as it would be
 * refused; the scheduler then does not count them for it.
 */
export class Quotas {
  /** Namespace → quota → resources. */
  readonly #forbidden = new Map<string, Map<string, ReadonlySet<string>>>();

  constructor(informer: Informer<ResourceQuota>) {
    const set = (quota: ResourceQuota): void => {
      this.#set(quota, forbiddenBy(quota));
    };
    informer.addHandlers({
      added: set,
      updated: set,
      deleted: quota => {
        this.#set(quota, new Set());
      },
    });
  }

  forbids(namespace: string, resource: string): boolean {
    const quotas = this.#forbidden.get(namespace);
    return quotas !== undefined && [...quotas.values()].some(resources => resources.has(resource));
  }

  #set({ metadata: { namespace = '', name } }: ResourceQuota, resources: ReadonlySet<string>): void {
    const quotas = this.#forbidden.get(namespace) ?? new Map<string, ReadonlySet<string>>();
    if (resources.size > 0) quotas.set(name, resources);
    else quotas.delete(name);
    if (quotas.size > 0) this.#forbidden.set(namespace, quotas);
    else this.#forbidden.delete(namespace);
  }
}

function forbiddenBy({ spec }: ResourceQuota): Set<string> {
  const none = Object.entries(spec?.hard ?? {}).filter(
    ([key, quantity]) => key.startsWith(prefix) && Number(quantity) === 0,
  );
  return new Set(none.map(([key]) => key.slice(prefix.length)));
}
