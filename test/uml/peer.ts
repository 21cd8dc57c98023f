/** One end of a TCP conversation inside: `peer.ts listen ADDRESS` prints what one client says; `peer.ts greet ADDRESS` says hello. */
import { connect, createServer } from 'node:net';

const port = 7000;
const [role, address = ''] = process.argv.slice(2);

if (role === 'listen') {
  const server = createServer(socket => {
    socket.on('data', data => process.stdout.write(`heard ${JSON.stringify(data.toString())}\n`));
    socket.on('end', () => server.close());
  });
  server.listen(port, address);
} else {
  greet(50);
}

/** Tries until the listener is there. */
function greet(attempts: number): void {
  const socket = connect(port, address, () => socket.end(`hello from ${socket.localAddress}`));
  socket.on('error', error => {
    if (attempts === 0) throw error;
    setTimeout(() => greet(attempts - 1), 100);
  });
}
