import { answerOf, toTransportError } from './answer.ts';
import type {
  CallOptions,
  ClientOptions,
  DeleteOptions,
  ListOptions,
  PatchOptions,
  PatchType,
  Query,
  ReadOptions,
  RequestOptions,
  Selectors,
  WatchOptions,
  WriteOptions,
} from './clientOptions.ts';
import { type Connection, type ConnectionChoice, defaultConnection } from './connection.ts';
import { deadline } from './deadline.ts';
import { isGone, isNotFound } from './errors.ts';
import { contentTypes, listQuery, typed, withQuery, writeQuery } from './requestParts.ts';
import { apiVersionOf, pathOf } from './resources.ts';
import { retrying } from './retry.ts';
import { ServerClock } from './serverClock.ts';
import { Transport, type TransportRequest } from './transport.ts';
import type { KubeList, KubeObject, ObjectRef, Resource } from './types.ts';
import { watchdog } from './watchdog.ts';
import { parseWatchEvents, type WatchEvent } from './watchEvents.ts';

/** Objects per page of a list. */
const pageSize = 500;

/** Pages of a list are restarted this often when their continue token expires; then the list is read in one piece. */
const maxListRestarts = 2;

const defaultTimeoutMs = 30_000;

/**
 * A client of the Kubernetes API. Objects are plain JSON, as they are on the wire. There is no rate limit on this side: the
 * API server's priority and fairness decides, and its Retry-After is honoured within a call's time-out.
 *
 * Every method throws ApiError where the server refuses, TransportError where no answer came.
 */
export class KubeClient implements AsyncDisposable {
  readonly connection: Connection;
  readonly #transport: Transport;
  readonly #userAgent: string;
  readonly #clock = new ServerClock();

  constructor(connection: Connection, options: ClientOptions = {}) {
    this.connection = connection;
    this.#transport = new Transport(connection, options.maxConnections ?? 16);
    this.#userAgent = options.userAgent ?? 'multi-nic';
  }

  /** A client for the connection that kubectl would take; see defaultConnection(). */
  static async connect(options: ClientOptions & ConnectionChoice = {}): Promise<KubeClient> {
    return new KubeClient(await defaultConnection(options), options);
  }

  /** The API server's wall clock, as of its last answer to a call, to the second. */
  get serverTime(): Date {
    return this.#clock.now();
  }

  async get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options: ReadOptions = {}): Promise<T> {
    const query = { resourceVersion: options.resourceVersion };
    return this.request('GET', pathOf(resource, ref), { ...options, query });
  }

  /** Like get(), but undefined where the object does not exist. */
  async find<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    options: ReadOptions = {},
  ): Promise<T | undefined> {
    return this.get(resource, ref, options).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  }

  /** Reads a whole collection, page by page, as of one resourceVersion. */
  async list<T extends KubeObject>(
    resource: Resource<T>,
    options: ListOptions<T> = {},
  ): Promise<{ items: T[]; resourceVersion: string }> {
    for (let restarts = 0; ; restarts++) {
      const limit = restarts <= maxListRestarts ? (options.limit ?? pageSize) : undefined;
      const list = await this.#listPages(resource, { ...options, limit });
      if (list) return list;
    }
  }

  /**
   * @param options.limit undefined: all in one page
   * @returns undefined where the continue token expired between two pages
   */
  async #listPages<T extends KubeObject>(
    resource: Resource<T>,
    options: ListOptions<T>,
  ): Promise<{ items: T[]; resourceVersion: string } | undefined> {
    const path = pathOf(resource, { namespace: options.namespace });
    const items: T[] = [];
    let page: KubeList<T> | undefined;
    do {
      const query = listQuery(options, page?.metadata.continue);
      try {
        page = await this.request<KubeList<T>>('GET', path, { ...options, query });
      } catch (error) {
        if (options.limit !== undefined && page && isGone(error)) return undefined;
        throw error;
      }
      // Objects of a list carry neither apiVersion nor kind, objects of a watch do: make them alike.
      for (const item of page.items) {
        item.apiVersion ??= apiVersionOf(resource);
        item.kind ??= resource.kind;
        items.push(options.transform ? options.transform(item) : item);
      }
    } while (page.metadata.continue);
    return { items, resourceVersion: page.metadata.resourceVersion ?? '' };
  }

  /** Some objects of a collection, at most `limit`: for a look at what there may be many of. */
  async listSome<T extends KubeObject>(resource: Resource<T>, limit: number, options: CallOptions = {}): Promise<T[]> {
    const query = { limit };
    const { items } = await this.request<KubeList<T>>('GET', pathOf(resource, {}), { ...options, query });
    return items;
  }

  /** The version that the API server's storage has reached. Any selector other than an object's name would have it read all objects. */
  async latestVersion(resource: Resource, options: CallOptions & Selectors = {}): Promise<string> {
    const { namespace, fieldSelector } = options;
    const query = { limit: 1, fieldSelector: fieldSelector?.startsWith('metadata.name=') ? fieldSelector : undefined };
    const path = pathOf(resource, { namespace });
    const { metadata } = await this.request<KubeList<KubeObject>>('GET', path, { ...options, query });
    return metadata.resourceVersion ?? '';
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const { namespace } = object.metadata;
    return this.request('POST', pathOf(resource, { namespace }), {
      ...options,
      query: writeQuery(options),
      body: typed(resource, object),
    });
  }

  /** Replaces an object; a conflict if its resourceVersion is given and no longer the stored one. */
  async update<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions & { readonly subresource?: string } = {},
  ): Promise<T> {
    return this.request('PUT', pathOf(resource, object.metadata, options.subresource), {
      ...options,
      query: writeQuery(options),
      body: typed(resource, object),
    });
  }

  async updateStatus<T extends KubeObject>(resource: Resource<T>, object: T, options: WriteOptions = {}): Promise<T> {
    return this.update(resource, object, { ...options, subresource: 'status' });
  }

  /** @param patch a list of operations for `json`, else a partial object */
  async patch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    type: PatchType,
    patch: object,
    options: PatchOptions = {},
  ): Promise<T> {
    return this.request('PATCH', pathOf(resource, ref, options.subresource), {
      ...options,
      query: writeQuery(options),
      body: patch,
      contentType: contentTypes[type],
    });
  }

  async delete(resource: Resource, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { preconditions, gracePeriodSeconds } = options;
    await this.request<unknown>('DELETE', pathOf(resource, ref), {
      ...options,
      body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, gracePeriodSeconds },
    });
  }

  /**
   * The events after a resourceVersion, until the API server ends the watch (the iteration then just ends), the signal
   * aborts or the consumer leaves the loop.
   */
  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void> {
    const what = `watch ${resource.plural}`;
    using dog = watchdog(options.signal, options.inactivityMs ?? 150_000, what);
    const query: Query = {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: options.resourceVersion,
      timeoutSeconds: options.timeoutSeconds,
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
    };
    try {
      const response = await this.#transport.send({
        method: 'GET',
        path: withQuery(pathOf(resource, { namespace: options.namespace }), query),
        headers: this.#headers(),
        signal: dog.signal,
        watch: true,
      });
      if (response.statusCode !== 200) await answerOf(response, what);
      yield* parseWatchEvents<T>(dog.watching(response.body), what);
    } catch (error) {
      throw toTransportError(error, dog.signal, what);
    }
  }

  /** Any request, for what has no method here (`/version`, `/readyz`). The answer is parsed if it is JSON, else text. */
  async request<Answer>(
    method: TransportRequest['method'],
    path: string,
    options: RequestOptions = {},
  ): Promise<Answer> {
    const what = `${method} ${path}`;
    using limit = deadline(options.signal, options.timeoutMs ?? defaultTimeoutMs, what);
    const request: TransportRequest = {
      method,
      path: withQuery(path, options.query ?? {}),
      headers: {
        ...this.#headers(options.body === undefined ? undefined : (options.contentType ?? 'application/json')),
        ...(options.accept !== undefined && { accept: options.accept }),
      },
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
      signal: limit.signal,
    };
    // Awaited here, as the deadline is disposed of when this block is left.
    return await retrying(method, limit.signal, async () => {
      try {
        const response = await this.#transport.send(request);
        this.#clock.hear(response.headers.date);
        return (await answerOf(response, what)) as Answer;
      } catch (error) {
        throw toTransportError(error, limit.signal, what);
      }
    });
  }

  #headers(contentType?: string): Record<string, string> {
    return {
      accept: 'application/json',
      'user-agent': this.#userAgent,
      ...(contentType && { 'content-type': contentType }),
    };
  }

  /** Ends every connection at once; calls and watches under way fail. */
  close(): Promise<void> {
    this.#transport.close();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
