import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { ReviewAnswer } from '../../webhook/review/review.ts';

/** Where an admission server listens on 127.0.0.1, and who vouches for it. */
export interface ServerAddress {
  port: number;
  caCertificate: string;
}

export const mib = 2 ** 20;

/** A review of so many bytes. Its object is of many small ones, as what the API server keeps of fields' managers is. */
export function review(uid: string, bytes: number): string {
  const kind = { group: '', version: 'v1', kind: 'Pod' };
  const resource = { group: '', version: 'v1', resource: 'pods' };
  const asked = JSON.stringify({ uid, kind, resource, operation: 'CREATE' });
  const head = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":${asked.slice(0, -1)},"object":{`;
  const field = (i: number): string =>
    `"k:{\\"name\\":\\"c${String(i).padStart(5, '0')}\\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},"f:resources":{}}`;
  const count = Math.floor((bytes - head.length) / (field(0).length + 1));
  const fields = Array.from({ length: count }, (_, i) => field(i));
  const text = `${head}${fields.join(',')}}}}`;
  return text + ' '.repeat(bytes - text.length);
}

/** Sends a body whole to /held; chunked where it announces no length. */
export async function post(server: ServerAddress, body: string | Buffer, { chunked = false } = {}) {
  const headers = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': Buffer.byteLength(body) };
  const options = {
    host: '127.0.0.1',
    port: server.port,
    ca: server.caCertificate,
    path: '/held?timeout=30s',
    method: 'POST',
    headers,
    agent: new Agent(),
  };
  const sent = request(options).end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return { status: response.statusCode, text: Buffer.concat(chunks).toString() };
}

/** What the server answers to a review. */
export async function ask(
  server: ServerAddress,
  body: string | Buffer,
  options = {},
): Promise<ReviewAnswer['response']> {
  return (JSON.parse((await post(server, body, options)).text) as ReviewAnswer).response;
}
