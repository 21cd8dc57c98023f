import { text } from 'node:stream/consumers';
import { messageOf } from '../../core/errors.ts';
import { ApiError, TransportError } from './errors.ts';
import type { Answer } from './transport.ts';
import type { KubeStatus } from './types.ts';

/**
 * Reads an answer's body: parsed where it is JSON, else as text.
 *
 * @throws ApiError where the status is not 2xx
 */
export async function answerOf(response: Answer, what: string): Promise<unknown> {
  const content = await text(response.body);
  const body = response.headers['content-type']?.startsWith('application/json') ? parse(content, what) : content;
  if (response.statusCode >= 200 && response.statusCode < 300) return body;
  throw new ApiError(response.statusCode, statusOf(body), what, retryAfter(response.headers['retry-after']));
}

function parse(content: string, what: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new TransportError('protocol', `${what}: the answer is not JSON`, { cause: error });
  }
}

/** Errors are Status objects, but proxies and the API server's outer filters (429, 404 of a group) answer in plain text. */
function statusOf(body: unknown): Partial<KubeStatus> {
  if (typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'Status') return body as KubeStatus;
  return { message: typeof body === 'string' ? body.trim().slice(0, 300) : '' };
}

/** Retry-After in seconds; its date form (RFC 9110 §10.2.3) is not used by the API server. */
function retryAfter(value: string | undefined): number | undefined {
  const seconds = Number(value);
  return value !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

/** The error to throw for a failed exchange: the signal's reason if that ended it, else an error of ours as it is, else a wrapped cause. */
export function toTransportError(error: unknown, signal: AbortSignal, what: string): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof ApiError || error instanceof TransportError) return error;
  return new TransportError('connection', `${what}: ${messageOf(error)}`, { cause: error });
}
