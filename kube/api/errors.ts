import type { KubeStatus, KubeStatusDetails } from './types.ts';

/** The API server answered with a refusal (a meta/v1 Status, or what a proxy in between made of it). */
export class ApiError extends Error {
  /** HTTP status. */
  readonly status: number;
  /** Status.reason, for example `AlreadyExists`; empty where the answer was no Status object. */
  readonly reason: string;
  readonly details: KubeStatusDetails;
  /** Seconds to wait, from the Retry-After header or the Status; absent where the server named none. */
  readonly retryAfterS: number | undefined;

  constructor(status: number, body: Partial<KubeStatus>, what: string, retryAfterS?: number) {
    super(`${what}: ${status} ${body.message ?? body.reason ?? ''}`.trimEnd());
    this.name = 'ApiError';
    this.status = status;
    this.reason = body.reason ?? '';
    this.details = body.details ?? {};
    this.retryAfterS = retryAfterS ?? body.details?.retryAfterSeconds;
  }
}

export type TransportErrorCode = 'timeout' | 'inactive' | 'connection' | 'closed' | 'protocol';

/** No (complete) answer came: it is not known whether the API server acted on the request. */
export class TransportError extends Error {
  readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TransportError';
    this.code = code;
  }
}

function hasStatus(error: unknown, status: number): error is ApiError {
  return error instanceof ApiError && error.status === status;
}

/** 404: the object, or the whole resource (a CustomResourceDefinition that is not installed), does not exist. */
export function isNotFound(error: unknown): error is ApiError {
  return hasStatus(error, 404);
}

/** 409 on a write: somebody else wrote first (re-read, decide again), or a precondition did not hold. */
export function isConflict(error: unknown): error is ApiError {
  return hasStatus(error, 409) && error.reason !== 'AlreadyExists';
}

/** 409 on a create: an object of that name exists. */
export function isAlreadyExists(error: unknown): error is ApiError {
  return hasStatus(error, 409) && error.reason === 'AlreadyExists';
}

/** 409 of either kind: somebody else wrote first. */
export function isLostRace(error: unknown): error is ApiError {
  return hasStatus(error, 409);
}

/** 422: a schema or a rule of the API server refuses the object. */
export function isInvalid(error: unknown): error is ApiError {
  return hasStatus(error, 422);
}

/** 410, or a Status that says so: the resourceVersion or continue token is older than what the server still has. */
export function isGone(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone');
}

/** The API server's cache did not reach the version in time ("Too large resource version"). */
export function isBehind(error: unknown): boolean {
  return hasStatus(error, 504);
}

/** Whether the same request may well succeed later: throttled, overloaded, timed out, or not answered at all. */
export function isRetryable(error: unknown): error is ApiError | TransportError {
  if (error instanceof TransportError) return error.code !== 'closed';
  return error instanceof ApiError && [408, 429, 500, 502, 503, 504].includes(error.status);
}
