import type { IncomingMessage } from 'node:http';

/** Two objects (new and old) of the most that the API server stores, 1.5 MiB each in etcd, in their longer JSON form. */
export const maxBodyBytes = 7 * 1024 * 1024;

export type Body = { ok: true; text: string } | { ok: false; bytes: number; start: string };

/** How much of a body that is too large is kept, for the request's uid: the API server writes it first. */
const startBytes = 4096;

/** Reads a request's body. One above the limit is read to its end and dropped, so that the sender can read the answer. */
export async function readBody(request: IncomingMessage, limit: number = maxBodyBytes): Promise<Body> {
  let chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= limit || chunks.length === 0) chunks.push(chunk);
    else if (chunks.length > 1) chunks = [Buffer.concat(chunks).subarray(0, startBytes)];
  }
  const whole = Buffer.concat(chunks);
  if (bytes <= limit) return { ok: true, text: whole.toString('utf8') };
  return { ok: false, bytes, start: whole.subarray(0, startBytes).toString('utf8') };
}

/** The uid of an AdmissionReview of which only the beginning is known. */
export function uidIn(start: string): string | undefined {
  return /"uid"\s*:\s*"([^"\\]{1,64})"/.exec(start)?.[1];
}
