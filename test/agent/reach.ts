/**
 * Program: tells whether addresses can be reached over TCP. Run inside a pod's network namespace:
 *   reach.ts listen PORT                    accepts on every address until it is killed, says its own address to each client
 *   reach.ts try PORT SOURCE>TARGET …       connects from each source to each target, prints {"SOURCE>TARGET": "ok" or why not}
 */
import { connect, createServer } from 'node:net';

const [verb, port = '', ...pairs] = process.argv.slice(2);
if (verb === 'listen') {
  createServer(socket => {
    socket.on('error', () => socket.destroy());
    socket.end(socket.localAddress ?? '');
  }).listen(Number(port), '::', () => process.stdout.write('listening\n'));
} else {
  const results = await Promise.all(pairs.map(async pair => [pair, await attempt(pair)] as const));
  process.stdout.write(JSON.stringify(Object.fromEntries(results)));
}

async function attempt(pair: string): Promise<string> {
  const [localAddress = '', host = ''] = pair.split('>');
  return new Promise(resolve => {
    const socket = connect({ host, port: Number(port), localAddress, timeout: 5_000 });
    socket.on('error', error => {
      resolve(error.message);
    });
    socket.on('timeout', () => {
      socket.destroy();
      resolve('no answer');
    });
    socket.on('data', data => {
      socket.destroy();
      resolve(data.toString().replace('::ffff:', '') === host ? 'ok' : `answered by ${data.toString()}`);
    });
  });
}
