import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** A unix stream socket that is listened on, with the connections that it has. */
export interface SocketPeer extends AsyncDisposable {
  /** How many connections there were so far. */
  readonly connections: number;
}

/** What to do with a whole input, and, if anything, with a connection as it comes. */
export type Serving = [serve: (input: string, socket: Socket) => void, accept?: (socket: Socket) => void];

/**
 * Listens on a unix socket and gives every connection's whole input to `serve`, once the other side has shut down its writing side.
 * The other end of the wire for tests of the executable: it holds nothing of the agent.
 */
export async function listen(path: string, ...[serve, accept]: Serving): Promise<SocketPeer> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer({ allowHalfOpen: true }, socket => {
    connections += 1;
    open.add(socket);
    accept?.(socket);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => serve(Buffer.concat(chunks).toString(), socket));
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
