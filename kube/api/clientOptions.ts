/** Options of every call. */
export interface CallOptions {
  /** Ends the call; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the whole call, retries included. Default 30,000. */
  readonly timeoutMs?: number;
}

export interface ReadOptions extends CallOptions {
  /** `'0'`: whatever state the API server has in its cache, which is cheap for it. Absent: the latest. */
  readonly resourceVersion?: string | undefined;
}

export interface WriteOptions extends CallOptions {
  /** Admission and validation run, nothing is stored. */
  readonly dryRun?: boolean;
  /** Names the writer in managedFields. */
  readonly fieldManager?: string;
}

export interface Selectors {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListOptions<T> extends ReadOptions, Selectors {
  /** Objects per page; 0: all in one page. Default 500. */
  readonly limit?: number | undefined;
  /** Applied to each object as its page arrives, so that what it drops is not kept in memory until the list is complete. */
  readonly transform?: (object: T) => T;
}

export interface WatchOptions extends Selectors {
  readonly signal?: AbortSignal | undefined;
  /** Start after this version. */
  readonly resourceVersion: string;
  /** Seconds until the API server ends the watch. */
  readonly timeoutSeconds?: number;
  /** Milliseconds without a byte (bookmarks are asked for, about one a minute) after which the watch is taken for dead. */
  readonly inactivityMs?: number;
}

export type PatchType = 'merge' | 'json';

export interface PatchOptions extends WriteOptions {
  readonly subresource?: string;
}

export interface DeleteOptions extends CallOptions {
  /** The delete is refused with a conflict if the object is another one by now. */
  readonly preconditions?: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined };
  readonly gracePeriodSeconds?: number;
}

export interface RequestOptions extends CallOptions {
  readonly query?: Query;
  readonly body?: object;
  readonly contentType?: string;
  /** Media type of the answer. Default application/json. */
  readonly accept?: string;
}

/** Parameters of a URL; undefined ones are left out. */
export type Query = Record<string, string | number | boolean | undefined>;

export interface ClientOptions {
  /** Sent as User-Agent, which audit logs and API server metrics show. */
  readonly userAgent?: string;
  /** Limit on connections for calls; those of watches are not counted. Default 16. */
  readonly maxConnections?: number;
}
