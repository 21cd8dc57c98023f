import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';

/** Passes TCP connections to `address`:`port` on to `host`:`port` until it is disposed of; then all of them end. */
export async function forward(address: string, port: number, host = '127.0.0.1'): Promise<AsyncDisposable> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, client => {
    const target = connect({ host, port, allowHalfOpen: true });
    for (const socket of [client, target]) {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    }
    pipeline(client, target, error => error && client.destroy()); // either side's failure ends both
    pipeline(target, client, error => error && target.destroy());
  });
  server.listen(port, address);
  await once(server, 'listening');
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
