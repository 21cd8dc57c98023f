import type { KubeObject } from '../../kube/api/types.ts';

/** What a request selects of a collection. */
export interface Selectors {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

/** A request's path, taken apart. */
export interface ApiPath {
  /** The path as far as the plural. */
  collection: string;
  plural: string;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
  query: URLSearchParams;
  selectors: Selectors;
  /** `plural/namespace/name`, as objects are stored; with an empty namespace where they have none. */
  key: string;
  /** What the keys of the collection begin with. */
  prefix: string;
}

/** @throws where the path is none of the API's */
export function parsePath(url: string): ApiPath {
  const { pathname, searchParams: query } = new URL(url, 'http://stub');
  const match =
    /^(?<collection>\/(?:api\/v1|apis\/[^/]+\/[^/]+)(?:\/namespaces\/(?<namespace>[^/]+)(?=\/))?\/(?<plural>[^/]+))(?:\/(?<name>[^/]+))?(?:\/(?<subresource>[^/]+))?$/.exec(
      pathname,
    );
  if (!match?.groups) throw new Error(`The stub has no path ${pathname}`);
  const { collection = '', namespace, plural = '', name, subresource } = match.groups;
  // Pods of all namespaces are listed at once; nothing else of ours with a namespace is.
  const isAll = namespace === undefined && plural === 'pods';
  const prefix = isAll ? 'pods/' : `${plural}/${namespace ?? ''}/`;
  const selectors = {
    namespace,
    labelSelector: query.get('labelSelector') ?? undefined,
    fieldSelector: query.get('fieldSelector') ?? undefined,
  };
  return { collection, plural, namespace, name, subresource, query, selectors, key: `${prefix}${name ?? ''}`, prefix };
}

/** Whether the selectors select the object: equalities, inequalities of fields, and a label that must not be there, as all of ours are. */
export function selects({ namespace, labelSelector, fieldSelector }: Selectors, object: KubeObject): boolean {
  const { metadata } = object;
  if (namespace !== undefined && metadata.namespace !== namespace) return false;
  const has = (selector: string | undefined, valueOf: (name: string) => string | undefined): boolean =>
    selector === undefined ||
    selector.split(',').every(term => {
      if (term.startsWith('!')) return valueOf(term.slice(1)) === undefined;
      const [, name = '', sign, value = ''] = /^([^=!]*)(!?=)(.*)$/.exec(term) ?? [];
      return (valueOf(name) === value) === (sign === '=');
    });
  return has(labelSelector, name => metadata.labels?.[name]) && has(fieldSelector, name => fieldOf(object, name));
}

function fieldOf({ metadata, spec, status }: KubeObject, name: string): string {
  if (name === 'metadata.name') return metadata.name;
  if (name === 'spec.nodeName') return (spec as { nodeName?: string } | undefined)?.nodeName ?? '';
  if (name === 'status.phase') return (status as { phase?: string } | undefined)?.phase ?? '';
  throw new Error(`The stub has no field selector ${name}`);
}
