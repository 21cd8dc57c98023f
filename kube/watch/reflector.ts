import type { Logger } from 'pino';
import { Backoff, spread } from '../api/backoff.ts';
import type { KubeClient } from '../api/client.ts';
import type { Selectors } from '../api/clientOptions.ts';
import { sleep } from '../api/deadline.ts';
import { ApiError, isBehind, isGone, isNotFound, TransportError } from '../api/errors.ts';
import { isOlderVersion } from '../api/resourceVersion.ts';
import type { KubeObject, Resource } from '../api/types.ts';
import type { WatchEvent } from '../api/watchEvents.ts';

export interface ReflectorOptions<T extends KubeObject> extends Selectors {
  readonly client: Pick<KubeClient, 'list' | 'watch' | 'latestVersion'>;
  readonly resource: Resource<T>;
  readonly logger: Logger;
  /** Shown in logs and metrics. */
  readonly name: string;
  readonly transform: (object: T) => T;
  /**
   * Lists are served from the API server's cache: cheap for it, so right for what runs on every node. The first list may be older than
   * what this process saw before it was restarted; a later one, after a watch that cannot go on, is never older than what was seen. When
   * an API server restarts, thousands of watches end like this, and each would otherwise have it read everything from etcd.
   */
  readonly listFromCache?: boolean;
  /**
   * Whether the API server, whenever it was lost and is back, is asked if etcd was restored meanwhile: a small request. Otherwise only a silent watch
   * tells, minutes later. Default: where lists are not served from the cache, as few processes do that.
   */
  readonly expectsRestoration?: boolean;
  /** Silence after which a watch is taken for dead and made again, in milliseconds. Default 150,000. */
  readonly inactivityMs?: number;
  /** How long the API server is asked to keep a watch, in seconds; each one gets 1–2 times that. Default 300. */
  readonly watchSeconds?: number;
  readonly backoff?: Backoff;
  readonly observer?: ReflectorObserver | undefined;
}

/** What metrics want to know; see report/metrics.ts. */
export interface ReflectorObserver {
  listed?(name: string, objects: number): void;
  /** @param reason `end` where the API server ended it in order, else the kind of failure */
  watchEnded?(name: string, reason: string): void;
  event?(name: string, type: WatchEvent<KubeObject>['type']): void;
}

/** Where a reflector writes what the API server says. */
export interface Sink<T extends KubeObject> {
  /** Everything that there is. */
  replace(objects: T[]): void;
  set(object: T): void;
  delete(object: T): void;
}

/** A watch that lived this long was a success, even if nothing happened. */
const healthyWatchMs = 5_000;

/** Time-out of the request that finds out whether a silent watch has missed anything, ms. */
const probeMs = 10_000;

/**
 * Answers to a watch that only ask for patience. Any other refusal (410, and whatever else speaks against continuing from
 * that version) would come again for ever, so the next step is a list.
 */
const overloaded = [429, 503, 504];

/** Lists and watches one resource into a sink until its signal aborts, through every failure. */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #sink: Sink<T>;
  readonly #backoff: Backoff;
  /** Opaque; where the watch starts. Absent: list first. */
  #resourceVersion: string | undefined;
  /** Of the last list. */
  #listedVersion: string | undefined;
  /** The version that the API server's cache must have reached for the next list; `'0'`: any. Absent: the latest state is asked for. */
  #listFrom: string | undefined;
  #reported = '';
  /** Whether the API server was lost since it was last asked where it is. */
  #wasLost = false;

  constructor(options: ReflectorOptions<T>, sink: Sink<T>) {
    this.#options = options;
    this.#sink = sink;
    this.#backoff = options.backoff ?? new Backoff();
    if (options.listFromCache) this.#listFrom = '0';
  }

  /** Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#wasLost && this.#resourceVersion !== undefined) await this.#lookBack(signal);
        if (this.#resourceVersion === undefined) await this.#list(signal);
        await this.#watch(signal);
      } catch (error) {
        if (!signal.aborted) await this.#recover(error, signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, resource, transform, observer, name } = this.#options;
    const from = this.#listFrom;
    const { items, resourceVersion } = await client.list(resource, {
      ...this.#selectors(),
      transform,
      signal,
      timeoutMs: 120_000,
      resourceVersion: from,
      // With a limit, all versions but 0 are read from etcd (k8s.io/apiserver, storage/cacher).
      limit: from === undefined || from === '0' ? undefined : 0,
    });
    if (signal.aborted) return;
    this.#resourceVersion = resourceVersion;
    this.#listedVersion = resourceVersion;
    this.#sink.replace(items);
    observer?.listed?.(name, items.length);
    this.#recovered();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, resource, observer, name, inactivityMs = 150_000, watchSeconds = 300 } = this.#options;
    const started = performance.now();
    let healthy = false;
    let reason = 'end';
    try {
      const events = client.watch(resource, {
        ...this.#selectors(),
        resourceVersion: this.#resourceVersion ?? '',
        timeoutSeconds: Math.ceil(watchSeconds * (1 + Math.random())),
        inactivityMs,
        signal,
      });
      for await (const event of events) {
        if (!healthy) this.#recovered();
        healthy = true;
        this.#apply(event);
      }
    } catch (error) {
      reason = reasonOf(error);
      throw error;
    } finally {
      if (!signal.aborted) observer?.watchEnded?.(name, reason);
      if (performance.now() - started >= healthyWatchMs) {
        healthy = true;
        // That it was heard before proves nothing: each of many watches may bring a change or two and then fail to go on.
        this.#backoff.reset();
      }
    }
    // Watches that end at once, again and again, must not become a storm of requests.
    if (!healthy) await sleep(this.#backoff.next(), signal);
  }

  #apply(event: WatchEvent<T>): void {
    const { transform, observer, name } = this.#options;
    observer?.event?.(name, event.type);
    const { resourceVersion } = event.object.metadata;
    if (event.type === 'DELETED') this.#sink.delete(transform(event.object));
    else if (event.type !== 'BOOKMARK') this.#sink.set(transform(event.object));
    this.#resourceVersion = resourceVersion ?? this.#resourceVersion;
  }

  /** Decides how to go on, and waits. */
  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const listing = this.#resourceVersion === undefined;
    if (listing && (isGone(error) || isBehind(error))) this.#listFrom = undefined;
    if (!listing && error instanceof ApiError && !overloaded.includes(error.status)) this.#listNext();
    this.#report(error, listing);
    // Silence has cost enough time already, and another watch asks little of the server.
    if (error instanceof TransportError && error.code === 'inactive') {
      if (await this.#isAhead(signal).catch(() => false)) this.#startAnew();
      return;
    }
    const { listFromCache = false, expectsRestoration = !listFromCache } = this.#options;
    if (error instanceof TransportError) this.#wasLost = expectsRestoration;
    const retryAfterMs = error instanceof ApiError ? (error.retryAfterS ?? 0) * 1000 : 0;
    await sleep(Math.max(this.#backoff.next(), spread(retryAfterMs)), signal);
  }

  async #lookBack(signal: AbortSignal): Promise<void> {
    if (await this.#isAhead(signal)) this.#startAnew();
    this.#wasLost = false;
  }

  /**
   * Whether etcd was restored to a state older than the last version seen: a watch from that version stays silent, whatever changes, until as
   * much has been written again.
   * @throws ApiError, TransportError
   */
  async #isAhead(signal: AbortSignal): Promise<boolean> {
    const { client, resource } = this.#options;
    const options = { ...this.#selectors(), signal, timeoutMs: probeMs };
    const latest = await client.latestVersion(resource, options);
    return isOlderVersion(latest, this.#resourceVersion) === true;
  }

  #startAnew(): void {
    const { listFromCache, logger, name } = this.#options;
    logger.warn({ informer: name }, 'the API server has gone back in time: reading everything again');
    this.#listFrom = listFromCache ? '0' : undefined;
    this.#resourceVersion = undefined;
  }

  /** A version from which no watch got anywhere is not asked for again. */
  #listNext(): void {
    const hasMoved = this.#resourceVersion !== this.#listedVersion;
    this.#listFrom = this.#options.listFromCache && hasMoved ? this.#resourceVersion : undefined;
    this.#resourceVersion = undefined;
  }

  #report(error: unknown, listing: boolean): void {
    const { logger, name, resource } = this.#options;
    const context = { err: error, informer: name };
    const reason = reasonOf(error);
    const what =
      listing && isNotFound(error)
        ? `the API server does not serve ${resource.plural} of ${resource.group}/${resource.version}: is the CustomResourceDefinition installed? Trying again`
        : `${listing ? 'list' : 'watch'} failed, going on`;
    // A long outage is logged once, not every 30 s.
    if (reason === this.#reported || reason === 'gone' || reason === 'inactive') logger.debug(context, what);
    else logger.warn(context, what);
    if (reason !== 'gone' && reason !== 'inactive') this.#reported = reason;
  }

  #recovered(): void {
    if (this.#reported)
      this.#options.logger.info({ informer: this.#options.name }, 'the API server can be reached again');
    this.#reported = '';
  }

  #selectors(): Selectors {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return { namespace, labelSelector, fieldSelector };
  }
}

function reasonOf(error: unknown): string {
  if (isGone(error)) return 'gone';
  if (error instanceof ApiError) return String(error.status);
  return error instanceof TransportError ? error.code : 'error';
}
