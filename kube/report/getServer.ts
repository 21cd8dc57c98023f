import { createServer, type Server, type Socket } from 'node:net';
import { OpenConnections } from '../process/openConnections.ts';

/** An answer to a GET request; HEAD gets the same without the body. */
export interface GetAnswer {
  readonly status: keyof typeof phrases;
  readonly type?: string;
  readonly body: string;
}

const phrases = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const;

/** Many times as many as ask at once, which are the kubelet and Prometheus; more are all served if they come together. */
const crowd = { few: 50, idleMs: 1_000 };

/** How long a connection may last, ms. */
const connectionMs = 10_000;

/** Longest request, bytes. */
const mostBytes = 8192;

export interface GetServer {
  readonly server: Server;
  /** Ends all connections. */
  disconnect(): void;
}

/**
 * Answers one GET or HEAD request a connection, and reads no more of it: node:http would work on all the requests that come in one packet, thousands of
 * them, before anything else. While there are many connections, those that last are cut off, so that silent ones take no memory and shut nobody out.
 * @param answer must not reject
 */
export function createGetServer(answer: (path: string) => Promise<GetAnswer>): GetServer {
  const connections = new OpenConnections(crowd);
  const server = createServer({ allowHalfOpen: true }, socket => {
    connections.opened(socket);
    const late = setTimeout(() => socket.destroy(), connectionMs);
    // Nobody is left to be told why a client is gone.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearTimeout(late);
    });
    void serve(socket, answer);
  });
  const disconnect = (): void => {
    connections.disconnect();
  };
  return { server, disconnect };
}

async function serve(socket: Socket, answer: (path: string) => Promise<GetAnswer>): Promise<void> {
  const request = /^(GET|HEAD) (\/[^\s?]*)(?:\?\S*)? HTTP\/1\.[01]\r\n/.exec(await headOf(socket));
  const [, method, path = ''] = request ?? [];
  const answered: GetAnswer = request
    ? await answer(path)
    : { status: 400, body: 'GET and HEAD are what is answered\n' };
  const { status, type = 'text/plain; charset=utf-8', body } = answered;
  const head = [
    `HTTP/1.1 ${status} ${phrases[status]}`,
    `content-type: ${type}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : body}`, () => socket.destroy());
}

/** What comes up to the end of a request's head, or of what is read of one. */
function headOf(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let head = '';
  socket.on('data', (chunk: Buffer) => {
    head += chunk.toString('latin1', 0, mostBytes);
    if (!head.includes('\r\n\r\n') && head.length < mostBytes) return;
    socket.pause();
    resolve(head);
  });
  for (const ending of ['end', 'close'])
    socket.once(ending, () => {
      resolve(head);
    });
  return promise;
}
