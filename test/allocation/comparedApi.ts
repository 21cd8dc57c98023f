import { apiVersion } from '../../core/api/names.ts';
import type { ObjectMeta } from '../../core/api/types.ts';
import type { Lease, Node, Pod } from '../../kube/api/resources.ts';
import type { KubeList, KubeObject, KubeStatus } from '../../kube/api/types.ts';
import type { ApiAnswer, ApiBackend, ApiCall } from './apiBackend.ts';
import type { EventLog, LoggedChange } from './eventLog.ts';
import { isGivenUp, ObjectStore, tableColumns } from './objectStore.ts';

/**
 * An API server of which the stub is to know everything that histories ask: what one answers, the other must answer, and change as much by it.
 */
export class ComparedApi implements ApiBackend {
  readonly #real: ApiBackend;
  readonly #stub = new ObjectStore();
  /** Versions of the API server, as the stub has them. */
  readonly #versions = new Map<string, string>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(real: ApiBackend) {
    this.#real = real;
  }

  /** The API server's. */
  get log(): EventLog {
    return this.#real.log;
  }

  /** @throws where the answers, or what has changed, differ */
  call(request: ApiCall, staleBy = 0): Promise<ApiAnswer> {
    // One after another, that both have them in one order.
    const answer = this.#last.then(() => this.#call(request, staleBy));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #call(request: ApiCall, staleBy: number): Promise<ApiAnswer> {
    const realFrom = this.#real.log.changes.length;
    const stubFrom = this.#stub.log.changes.length;
    const real = await this.#real.call(request, staleBy);
    const stub = await this.#stub.call(this.#forStub(request, real), staleBy);
    const realChanges = this.#real.log.changes.slice(realFrom);
    const stubChanges = this.#stub.log.changes.slice(stubFrom);
    for (const [i, { object }] of realChanges.entries()) {
      const version = stubChanges[i]?.object.metadata.resourceVersion;
      if (version !== undefined) this.#versions.set(object.metadata.resourceVersion ?? '', version);
    }
    const translate = (version: string): string => this.#versions.get(version) ?? version;
    const realSays = seenOf(request.method, real, realChanges, translate);
    const stubSays = seenOf(request.method, stub, stubChanges, version => version);
    const found = differences(realSays, stubSays);
    if (found.length === 0 || isGoneToBoth(request.method, real, stub) || isBehind(request, real)) return real;
    const question = `${request.method} ${request.url} ${JSON.stringify(request.body ?? '')}`;
    throw new Error(`The API server and the stub differ, asked ${question}:\n${found.join('\n')}`);
  }

  /**
   * The request with the stub's versions; a creation with what only the API server knows: the UID, and the defaults of its own kinds.
   */
  #forStub(request: ApiCall, { status, body: answer }: ApiAnswer): ApiCall {
    const {
      metadata,
      preconditions,
      apiVersion: version,
    } = (request.body ?? {}) as Partial<KubeObject> & DeleteOptions;
    const isCreation = request.method === 'POST' && status === 201 && (answer as KubeObject).kind !== 'Status';
    const created = isCreation ? (answer as KubeObject) : undefined;
    const body = {
      ...(request.body as object),
      ...(metadata && {
        metadata: { ...this.#ofStub(uncounted(metadata)), ...(created && { uid: created.metadata.uid }) },
      }),
      ...(preconditions && { preconditions: this.#ofStub(preconditions) }),
      ...(created && version !== apiVersion && { spec: created.spec, status: created.status }),
    };
    return { ...request, body };
  }

  #ofStub<T extends { resourceVersion?: string }>(versioned: T): T {
    const { resourceVersion = '' } = versioned;
    const version = this.#versions.get(resourceVersion);
    return version === undefined ? versioned : { ...versioned, resourceVersion: version };
  }
}

/** Of a PUT to an object that is gone, API servers of 1.20 see its UID first, those of 1.36 that it is not there. */
function isGoneToBoth(method: string, real: ApiAnswer, stub: ApiAnswer): boolean {
  return method === 'PUT' && real.status === 404 && stub.status === 409;
}

/** A cache that is to have reached a version may not come to know that it has, where nothing changes (before 1.31); the stub's always does. */
function isBehind({ method, url }: ApiCall, real: ApiAnswer): boolean {
  return method === 'GET' && real.status === 504 && new URL(url, 'http://here').searchParams.get('limit') === '0';
}

interface DeleteOptions {
  preconditions?: { resourceVersion?: string };
}

/** Without what each counts for itself; of managedFields a request says only that there are to be none. */
function uncounted({ managedFields, ...metadata }: ObjectMeta): { resourceVersion?: string } {
  const isGiven = managedFields && isGivenUp(managedFields);
  return { ...metadata, generation: undefined, ...(isGiven && { managedFields }) } as { resourceVersion?: string };
}

/** What the two must have in common: nothing of it is undefined, and no map empty. */
function seenOf(
  method: string,
  { status, body }: ApiAnswer,
  changes: readonly LoggedChange[],
  translate: (version: string) => string,
): object {
  const see = (object: KubeObject): object => seen(object, translate);
  const content = status >= 400 ? (body as KubeStatus).reason : method === 'DELETE' ? '' : seenBody(body, see);
  const events = changes.map(({ plural, previous, object, isDeleted }) => ({
    ...{ plural, isDeleted, object: see(object), previous: previous && see(previous) },
  }));
  return JSON.parse(JSON.stringify({ status, content, events })) as object;
}

function seenBody(body: object, see: (object: KubeObject) => object): object | string {
  const { kind } = body as KubeObject;
  if (kind === 'Status') return '';
  if (kind === 'Table') return rowsOf(body as Table);
  if (!('items' in body)) return see(body as KubeObject);
  const { items } = body as KubeList<KubeObject>;
  // The watch cache gives no order.
  return items.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)).map(see);
}

interface Table {
  columnDefinitions: { name: string }[];
  rows: { cells: unknown[] }[];
}

/** Of the columns that the stub has. */
function rowsOf({ columnDefinitions, rows }: Table): object[] {
  const names = columnDefinitions.map(({ name }) => name);
  return rows
    .map(({ cells }) => Object.fromEntries(tableColumns.map(name => [name, cells[names.indexOf(name)]])))
    .toSorted((a, b) => (String(a.Name) < String(b.Name) ? -1 : 1));
}

function seen({ metadata, spec, status, ...typed }: KubeObject, translate: (version: string) => string): object {
  const { name, namespace, uid, labels, annotations, creationTimestamp, deletionTimestamp } = metadata;
  const isOurs = typed.apiVersion === apiVersion;
  return {
    ...{ name, namespace, uid, labels: filled(labels), annotations: filled(annotations) },
    ...{ isDated: creationTimestamp !== undefined, isBeingDeleted: deletionTimestamp !== undefined },
    version: translate(metadata.resourceVersion ?? ''),
    ...(isOurs ? { spec, status: filled(status as object | undefined) } : seenOfBuiltIn(spec, status)),
    ...(typed.kind === 'IPPool' && { isTracked: metadata.managedFields !== undefined }),
  };
}

/** Of objects that the API server fills in: what the system reads of pods, nodes and leases. */
function seenOfBuiltIn(spec: unknown, status: unknown): object {
  const { nodeName, renewTime } = (spec ?? {}) as Pod['spec'] & Lease['spec'] & object;
  const { phase, conditions = [] } = (status ?? {}) as Pod['status'] & Node['status'] & object;
  return { nodeName, renewTime, phase, ready: conditions.find(({ type }) => type === 'Ready')?.status };
}

function filled<T extends object>(map: T | undefined): T | undefined {
  return map && Object.keys(map).length > 0 ? map : undefined;
}

/** Where two JSON values differ. */
function differences(real: unknown, stub: unknown, path = ''): string[] {
  const isTree = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (isTree(real) && isTree(stub)) {
    const keys = new Set([...Object.keys(real), ...Object.keys(stub)]);
    return [...keys].flatMap(key => differences(real[key], stub[key], `${path}.${key}`));
  }
  return real === stub ? [] : [`${path} is ${JSON.stringify(real)} and ${JSON.stringify(stub)}`];
}
