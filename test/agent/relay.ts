/**
 * Program: brings a TCP port of one network namespace into another, through the file system. Started in the namespace that lacks it:
 *   relay.ts PORT SOCKET    listens on 127.0.0.1:PORT and connects each client to the unix socket
 */
import { connect, createServer } from 'node:net';

const [port = '', socket = ''] = process.argv.slice(2);
createServer(client => {
  const upstream = connect(socket);
  client.pipe(upstream).pipe(client);
  client.on('error', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('listening\n'));
