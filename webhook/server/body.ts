import type { IncomingMessage } from 'node:http';
import { MultiNicError } from '../../core/errors.ts';
import type { CallBudget } from '../review/call.ts';
import type { BodyShare } from './bodyBudget.ts';

/** Two objects (new and old) of the largest size that etcd takes, 1.5 MiB each, in their longer JSON form. */
export const maxBodyBytes = 7 * 1024 * 1024;

/** A body that was read to its end or, if it was refused, its beginning. */
export type Body = { ok: true; text: string } | { ok: false; start: string; error: MultiNicError };

/** How much of a refused body is kept, for the request's uid: the API server writes it first. */
const startBytes = 4096;

/**
 * Reads a request's body if there is room for it: for the length that the request announces or, if it announces none, for what has come.
 * One that is refused (MNN_BODY_TOO_LARGE, MNN_OVERLOADED) is read to its end and dropped, so that its sender can read the answer.
 * @throws Error if it does not arrive whole; MultiNicError MNN_DEADLINE if it does not arrive in time, which closes the connection
 */
export async function readBody(request: IncomingMessage, share: BodyShare, budget: CallBudget): Promise<Body> {
  const late = setTimeout(() => {
    request.destroy(new MultiNicError('MNN_DEADLINE', 'the review did not come in the time that its sender waits'));
  }, budget.remainingMs());
  let error = refusal(share, Number(request.headers['content-length'] ?? 0));
  let chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      error ??= refusal(share, bytes);
      chunks.push(chunk);
      if (error) chunks = [Buffer.concat(chunks, Math.min(bytes, startBytes))];
    }
  } finally {
    clearTimeout(late);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  return error ? { ok: false, start: text, error } : { ok: true, text };
}

/** Why a body of so many bytes is not read (it then takes no share of the budget); undefined if there is room for it. */
function refusal(share: BodyShare, bytes: number): MultiNicError | undefined {
  if (bytes <= maxBodyBytes && share.growTo(bytes)) return undefined;
  share[Symbol.dispose]();
  return bytes > maxBodyBytes
    ? new MultiNicError('MNN_BODY_TOO_LARGE', `the review has ${bytes} bytes or more, ${maxBodyBytes} are the most`)
    : new MultiNicError('MNN_OVERLOADED', 'the reviews that are being answered hold as many bytes as they may');
}

/** The uid of an AdmissionReview of which only the beginning is known. */
export function uidIn(start: string): string | undefined {
  return /"uid"\s*:\s*"([^"\\]{1,64})"/.exec(start)?.[1];
}
