import { once } from 'node:events';
import * as http2 from 'node:http2';
import { createServer, type Server } from 'node:net';
import { Duplex } from 'node:stream';
import { framed, GrpcError, grpcStatus } from '../../agent/devices/grpc.ts';
import { mendAuthorities } from './authorities.ts';

/** What a method does with a message: one answer, several in the course of time, or a GrpcError thrown. */
export type Method = (message: Buffer) => Buffer | AsyncIterable<Buffer>;

/** A gRPC server behind a unix socket, over node:http2: each method takes one message. */
export class GrpcServer implements AsyncDisposable {
  /** Methods in the order in which they were called. */
  readonly called: string[] = [];
  readonly #server: Server;
  readonly #sessions = new Set<http2.Http2Session>();

  private constructor(methods: Readonly<Record<string, Method>>) {
    const sessions = http2.createServer();
    this.#server = createServer(socket => {
      const mended = Duplex.from({ readable: socket.pipe(mendAuthorities()), writable: socket });
      socket.on('error', () => mended.destroy());
      sessions.emit('connection', mended);
    });
    sessions.on('session', session => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
    });
    sessions.on('stream', (stream, headers) => {
      const path = headers[':path'] ?? '';
      this.called.push(path);
      stream.on('error', () => undefined); // the caller went away
      void serve(stream, methods[path]);
    });
  }

  /** @param methods by `/package.Service/Method`; others are unimplemented */
  static async listen(socketPath: string, methods: Readonly<Record<string, Method>>): Promise<GrpcServer> {
    const server = new GrpcServer(methods);
    server.#server.listen(socketPath);
    await once(server.#server, 'listening');
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const session of this.#sessions) session.destroy();
    await closed;
  }
}

async function serve(stream: http2.ServerHttp2Stream, method: Method | undefined): Promise<void> {
  const end = (status: number, message = ''): void => {
    if (stream.destroyed) return;
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': String(status), 'grpc-message': encodeURIComponent(message) });
    });
    stream.end();
  };
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  try {
    const request = Buffer.concat((await stream.toArray()) as Buffer[]);
    if (!method) throw new GrpcError(grpcStatus.unimplemented, 'unknown method');
    const answer = method(request.subarray(5));
    if (Buffer.isBuffer(answer)) stream.write(framed(answer));
    else for await (const message of answer) stream.write(framed(message));
    end(grpcStatus.ok);
  } catch (error) {
    end(
      error instanceof GrpcError ? error.status : grpcStatus.unknown,
      error instanceof Error ? error.message : String(error),
    );
  }
}
