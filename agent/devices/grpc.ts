import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';

/** Some status codes of gRPC (grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export const grpcStatus = { ok: 0, unknown: 2, resourceExhausted: 8, unimplemented: 12, unavailable: 14 } as const;

/** A call was answered with another status than OK, or with something that is not an answer. */
export class GrpcError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'GrpcError';
    this.status = status;
  }
}

/** Length of a message's prefix: whether it is compressed (one byte), and its length (four). */
const prefixBytes = 5;

/** The kubelet's own client takes no more (k8s.io/kubernetes pkg/kubelet/apis/podresources/client.go). */
const mostBytes = 16 * 1024 * 1024;

/**
 * A connection to a gRPC server behind a unix socket (gRPC over HTTP/2, github.com/grpc/grpc doc/PROTOCOL-HTTP2.md): one message there, one
 * back. Whoever opens it disposes of it.
 */
export class GrpcConnection implements Disposable {
  readonly #session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  /** @throws Error with the errno of connecting (ENOENT: no socket), or the signal's reason */
  static async open(socketPath: string, signal: AbortSignal): Promise<GrpcConnection> {
    // Loaded only by the first call: most nodes have no devices to hand out, and the module takes a megabyte.
    const http2 = await import('node:http2');
    const session = http2.connect('http://localhost', { createConnection: () => connect(socketPath) });
    // A broken connection is reported by the calls on it.
    session.on('error', () => undefined);
    try {
      await once(session, 'connect', { signal });
    } catch (error) {
      session.destroy();
      throw signal.aborted ? signal.reason : error;
    }
    return new GrpcConnection(session);
  }

  /**
   * @param method as `/package.Service/Method`
   * @throws GrpcError, or the signal's reason
   */
  async call(method: string, message: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    const headers = { ':method': 'POST', ':path': method, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = this.#session.request(headers, { signal });
    stream.end(framed(message));
    try {
      return unframed(await answerOf(stream, method), method);
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      stream.destroy();
    }
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

/** A message with its prefix. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

async function answerOf(stream: ClientHttp2Stream, method: string): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  // The status comes after the message, or instead of it.
  let heard: IncomingHttpHeaders = {};
  stream.on('response', headers => (heard = headers));
  stream.on('trailers', (trailers: IncomingHttpHeaders) => (heard = { ...heard, ...trailers }));
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    chunks.push(chunk);
    if (size > mostBytes)
      reject(new GrpcError(grpcStatus.resourceExhausted, `${method}: more than ${mostBytes} bytes`));
  });
  stream.on('error', reject);
  stream.on('close', () => {
    const failure = failureOf(heard, method);
    if (failure) reject(failure);
    else resolve(Buffer.concat(chunks));
  });
  return promise;
}

function failureOf(heard: IncomingHttpHeaders, method: string): GrpcError | undefined {
  const { 'grpc-status': status, 'grpc-message': message = '', ':status': http } = heard;
  if (typeof status !== 'string') {
    return new GrpcError(grpcStatus.unavailable, `${method}: no gRPC answer (HTTP status ${String(http)})`);
  }
  if (status === String(grpcStatus.ok)) return undefined;
  return new GrpcError(Number(status), `${method}: gRPC status ${status} ${percentDecoded(String(message))}`.trimEnd());
}

/** Readers must keep wrongly encoded text as it is, says the protocol. */
function percentDecoded(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}

function unframed(body: Buffer, method: string): Buffer {
  const isWhole = body.length >= prefixBytes && body[0] === 0 && body.readUInt32BE(1) === body.length - prefixBytes;
  if (isWhole) return body.subarray(prefixBytes);
  throw new GrpcError(grpcStatus.unavailable, `${method}: the answer is not one uncompressed message`);
}
