import { isDeepStrictEqual } from 'node:util';
import { apiVersion as ourApiVersion } from '../../core/api/names.ts';
import type { IPPool } from '../../core/api/types.ts';
import type { KubeObject } from '../../kube/api/types.ts';
import { type ApiAnswer, type ApiBackend, type ApiCall, failure } from './apiBackend.ts';
import { type ApiPath, parsePath, selects } from './apiPath.ts';
import { EventLog } from './eventLog.ts';

type Objects = ReadonlyMap<string, KubeObject>;

interface State {
  objects: Objects;
  version: number;
}

/** So many old states are kept, for reads that the watch cache may answer. */
const keptStates = 8;

/**
 * The API server's storage, as far as the system uses it: objects with resourceVersion and UID, a status subresource, preconditions,
 * selectors, tables of pools, and the events of all that changes. Every rule here is one of the API machinery's, not of ours.
 */
export class ObjectStore implements ApiBackend {
  readonly log = new EventLog();
  #objects: Objects = new Map();
  #states: State[] = [];
  #version = 1000;
  #uids = 0;

  call(request: ApiCall, staleBy = 0): Promise<ApiAnswer> {
    return Promise.resolve(this.#answer(request, staleBy));
  }

  #answer({ method, url, accept, body }: ApiCall, staleBy: number): ApiAnswer {
    const path = parsePath(url);
    const object = body as KubeObject;
    switch (method) {
      case 'GET':
        return path.name === undefined ? this.#list(path, accept, staleBy) : this.#get(path, staleBy);
      case 'POST':
        return path.subresource === 'binding' ? this.#bind(path, body as Binding) : this.#create(path, object);
      case 'PUT':
        return this.#update(path, object);
      case 'DELETE':
        return this.#delete(path, body ?? {});
      default:
        throw new Error(`The stub has no ${method} ${url}`);
    }
  }

  #get({ key, plural, name, query }: ApiPath, staleBy: number): ApiAnswer {
    const object = this.#read(query, staleBy).objects.get(key);
    return object ? { status: 200, body: object } : failure(404, 'NotFound', `${plural} "${name}" not found`);
  }

  #list({ prefix, selectors, query }: ApiPath, accept: string, staleBy: number): ApiAnswer {
    const { objects, version } = this.#read(query, staleBy);
    const selected = [...objects].filter(([key, object]) => key.startsWith(prefix) && selects(selectors, object));
    // Only the version is asked for like this; no other list has so many objects that it comes in pages.
    const isOfVersion = query.get('limit') === '1';
    const first = isOfVersion ? selected.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, 1) : selected;
    const items = first.map(([, object]) => object);
    const metadata = { resourceVersion: String(version) };
    if (accept.includes('as=Table')) return { status: 200, body: { kind: 'Table', metadata, ...tableOf(items) } };
    return { status: 200, body: { kind: 'List', metadata, items } };
  }

  /** What a read sees: of what may come from the cache, so many versions ago. */
  #read(query: URLSearchParams, staleBy: number): State {
    const mayBeStale = query.get('resourceVersion') === '0';
    const latest = { objects: this.#objects, version: this.#version };
    return (mayBeStale ? this.#states.at(-1 - staleBy) : undefined) ?? latest;
  }

  #create({ prefix, namespace, plural }: ApiPath, object: KubeObject): ApiAnswer {
    const { name } = object.metadata;
    const key = `${prefix}${name}`;
    if (this.#objects.has(key)) return failure(409, 'AlreadyExists', `${plural} "${name}" already exists`);
    const metadata = {
      ...object.metadata,
      ...(namespace !== undefined && { namespace }),
      uid: object.metadata.uid ?? `uid-${++this.#uids}`,
      ...(plural === 'ippools' && { managedFields: [{ manager: 'test' }] }),
      creationTimestamp: new Date().toISOString(),
    };
    return { status: 201, body: this.#store(key, plural, { ...object, metadata, ...firstStatus(plural, object) }) };
  }

  #update({ key, plural, name, subresource }: ApiPath, object: KubeObject): ApiAnswer {
    const current = this.#objects.get(key);
    const { uid } = object.metadata;
    // The UID is a precondition, which is looked at first, also of an object that is not there.
    if (uid !== undefined && uid !== current?.metadata.uid)
      return failure(409, 'Conflict', `${plural} "${name}": it is another one`);
    if (!current) return failure(404, 'NotFound', `${plural} "${name}" not found`);
    const refusal = wrongVersion(object, current);
    if (refusal) return refusal;
    const next =
      subresource === 'status' ? { ...current, status: object.status } : { ...object, status: current.status };
    const { managedFields = current.metadata.managedFields, ...metadata } = {
      ...(subresource ? current : object).metadata,
      resourceVersion: current.metadata.resourceVersion ?? '',
    };
    const isTracked = managedFields !== undefined && !isGivenUp(managedFields);
    const changed = { ...next, metadata: { ...metadata, ...(isTracked && { managedFields }) } };
    // A write that changes nothing is none (k8s.io/apiserver, GuaranteedUpdate).
    if (isDeepStrictEqual(plain(changed), plain(current))) return { status: 200, body: current };
    return { status: 200, body: this.#store(key, plural, changed) };
  }

  /** The registry's Bind: the node and the Binding's annotations in one write, of a pod that has no node. */
  #bind({ key, name }: ApiPath, { metadata, target }: Binding): ApiAnswer {
    const pod = this.#objects.get(key);
    if (!pod) return failure(404, 'NotFound', `pods "${name}" not found`);
    const spec = pod.spec as { nodeName?: string };
    const isOther = metadata.uid !== undefined && metadata.uid !== pod.metadata.uid;
    if (isOther || spec.nodeName || pod.metadata.deletionTimestamp) {
      return failure(409, 'Conflict', `pod "${name}" is another one, is being deleted, or has a node already`);
    }
    const annotations = { ...pod.metadata.annotations, ...metadata.annotations };
    this.#store(key, 'pods', {
      ...pod,
      metadata: { ...pod.metadata, annotations },
      spec: { ...spec, nodeName: target.name },
    });
    return { status: 201, body: { kind: 'Status', status: 'Success' } };
  }

  #delete({ key, plural, name }: ApiPath, { preconditions = {}, gracePeriodSeconds }: DeleteOptions): ApiAnswer {
    const current = this.#objects.get(key);
    if (!current) return failure(404, 'NotFound', `${plural} "${name}" not found`);
    const { uid = current.metadata.uid, resourceVersion = current.metadata.resourceVersion } = preconditions;
    if (uid !== current.metadata.uid || resourceVersion !== current.metadata.resourceVersion) {
      return failure(409, 'Conflict', `${plural} "${name}": a precondition failed`);
    }
    if (isLeftToKubelet(current, plural, gracePeriodSeconds)) {
      if (current.metadata.deletionTimestamp !== undefined) return { status: 200, body: current };
      const metadata = { ...current.metadata, deletionTimestamp: new Date().toISOString() };
      return { status: 200, body: this.#store(key, plural, { ...current, metadata }) };
    }
    const next = new Map(this.#objects);
    next.delete(key);
    const metadata = { ...current.metadata, resourceVersion: this.#advance(next) };
    this.log.append({ plural, previous: current, object: { ...current, metadata }, isDeleted: true });
    return { status: 200, body: { kind: 'Status', status: 'Success' } };
  }

  #store(key: string, plural: string, object: KubeObject): KubeObject {
    const previous = this.#objects.get(key);
    const next = new Map(this.#objects);
    const metadata = { ...object.metadata, resourceVersion: '' };
    const stored = { ...object, metadata };
    next.set(key, stored);
    metadata.resourceVersion = this.#advance(next);
    this.log.append({ plural, previous, object: stored, isDeleted: false });
    return stored;
  }

  #advance(next: Objects): string {
    this.#objects = next;
    this.#states = [...this.#states.slice(1 - keptStates), { objects: next, version: ++this.#version }];
    return String(this.#version);
  }
}

interface Binding {
  metadata: { uid?: string; annotations?: Record<string, string> };
  target: { name: string };
}

interface DeleteOptions {
  preconditions?: { uid?: string; resourceVersion?: string };
  gracePeriodSeconds?: number;
}

/** What a PUT says of the version that it replaces is missing, or not so. */
function wrongVersion({ apiVersion, metadata }: KubeObject, current: KubeObject): ApiAnswer | undefined {
  const { name, resourceVersion } = metadata;
  if (resourceVersion === undefined && apiVersion === ourApiVersion)
    return failure(422, 'Invalid', `${name}: custom resources are replaced by version`);
  const isOld = resourceVersion !== undefined && resourceVersion !== current.metadata.resourceVersion;
  return isOld ? failure(409, 'Conflict', `${name}: the object has been modified`) : undefined;
}

/** Whether they say that an object is to have none (Kubernetes, "Server-Side Apply", "Clearing managedFields"). */
export function isGivenUp(managedFields: readonly object[]): boolean {
  return JSON.stringify(managedFields) === '[{}]';
}

/** As it is on the wire. */
function plain(object: object): unknown {
  return JSON.parse(JSON.stringify(object));
}

/** Of a resource with a status subresource, what a creation says of it is not heard; a Node's is (registry/core/node, PrepareForCreate). */
function firstStatus(plural: string, { status }: KubeObject): { status: unknown } {
  if (plural === 'nodes') return { status };
  return { status: plural === 'pods' ? { phase: 'Pending' } : undefined };
}

/** A pod that has a node is only marked: its kubelet deletes it, once its containers have ended. */
function isLeftToKubelet({ spec, status }: KubeObject, plural: string, gracePeriodSeconds = 30): boolean {
  if (plural !== 'pods' || gracePeriodSeconds === 0) return false;
  const { phase = '' } = status as { phase?: string };
  return (spec as { nodeName?: string }).nodeName !== undefined && !['Succeeded', 'Failed'].includes(phase);
}

/** The printer columns that are read (manifests/base/crds); every table has the name besides. */
export const tableColumns = ['Name', 'Network', 'Node', 'Used', 'Capacity', 'Page'];

function tableOf(items: readonly KubeObject[]): object {
  return {
    columnDefinitions: tableColumns.map(name => ({ name })),
    rows: (items as IPPool[]).map(({ metadata: { name }, spec: { network, hostName, page }, status }) => ({
      cells: [name, network, hostName ?? null, status?.used ?? null, status?.capacity ?? null, page ?? null],
    })),
  };
}
