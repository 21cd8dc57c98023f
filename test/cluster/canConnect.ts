import { once } from 'node:events';
import { connect } from 'node:net';

/** Whether something listens on a unix socket. */
export async function canConnect(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // not listening yet
  } finally {
    socket.destroy();
  }
}
