import { ApiError, TransportError } from './errors.ts';
import type { KubeObject, KubeStatus } from './types.ts';

/** meta/v1 WatchEvent, as the API server streams it: one JSON object a line. */
export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** Nothing changed up to this resourceVersion, which is all that the object has. */
  | { readonly type: 'BOOKMARK'; readonly object: { readonly metadata: { readonly resourceVersion: string } } };

/**
 * Splits a watch's body into events.
 *
 * @throws ApiError where the stream carries an ERROR event (for example 410: the resourceVersion is too old)
 * @throws TransportError `protocol` where a line is no watch event
 */
export async function* parseWatchEvents<T extends KubeObject>(
  chunks: AsyncIterable<Buffer>,
  what: string,
): AsyncGenerator<WatchEvent<T>, void> {
  for await (const line of splitLines(chunks)) yield parseEvent<T>(line, what);
}

/** Lines of a byte stream, without the newline; what follows the last newline is an event cut short, and dropped. */
export async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  let parts: Buffer[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      const last = chunk.subarray(start, end);
      const line = parts.length > 0 ? Buffer.concat([...parts, last]) : last;
      parts = [];
      start = end + 1;
      if (line.length > 0) yield line.toString('utf8');
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
}

function parseEvent<T extends KubeObject>(line: string, what: string): WatchEvent<T> {
  let event: WatchEvent<T> | { type: 'ERROR'; object: KubeStatus };
  try {
    event = JSON.parse(line) as typeof event;
  } catch (error) {
    throw new TransportError('protocol', `${what}: ${JSON.stringify(line.slice(0, 80))} is not a watch event`, {
      cause: error,
    });
  }
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return event;
    case 'ERROR':
      throw new ApiError(event.object.code ?? 500, event.object, what);
    default:
      throw new TransportError('protocol', `${what}: ${JSON.stringify(line.slice(0, 80))} is not a watch event`);
  }
}
