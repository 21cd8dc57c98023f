import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { OpenConnections } from './openConnections.ts';

class FakeSocket extends EventEmitter {
  readonly remoteAddress = '10.0.0.1';
  readonly remotePort: number;
  isCut = false;

  constructor(remotePort: number) {
    super();
    this.remotePort = remotePort;
  }

  destroy(): void {
    this.isCut = true;
  }
}

describe('open connections', () => {
  const opened = (connections: OpenConnections, port: number): FakeSocket => {
    const socket = new FakeSocket(port);
    connections.opened(socket as unknown as Socket);
    return socket;
  };

  it('are still known where the end of another one, from the same port, is told late', () => {
    const connections = new OpenConnections({ few: 0, idleMs: 0 });
    const before = opened(connections, 1);
    const now = opened(connections, 1);
    before.emit('close');
    connections.disconnect();
    expect(now.isCut).to.equal(true);
  });
});
