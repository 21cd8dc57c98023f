import { connect as connectPlain, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { sleep } from '../../kube/api/deadline.ts';
import { eventually } from '../eventually.ts';
import { type HoldingServer, startHoldingServer } from './holdingServer.ts';
import { ask, review } from './postReview.ts';

describe('the admission server, of many connections', function () {
  this.timeout(60_000);
  const few = 20;
  /** Long enough for a machine that does much besides. */
  const idleMs = 4000;
  let server: HoldingServer;

  before(async () => {
    server = await startHoldingServer({ crowd: { few, idleMs } });
  });
  after(() => server?.[Symbol.asyncDispose]());

  it('cuts off those that are idle, with and without a handshake, and none that is being served', async () => {
    const to = { host: '127.0.0.1', port: server.port };
    let closed = 0;
    const silent = [
      ...Array.from({ length: few }, () => connectPlain(to)),
      ...Array.from({ length: few }, () => connect({ ...to, ca: server.caCertificate })),
    ];
    for (const socket of silent) socket.on('error', () => undefined).on('close', () => closed++);
    await sleep(idleMs / 2);
    const answered = ask(server, review('under way', 1000));
    await server.holds(1);
    expect(closed).to.equal(0);
    await sleep(idleMs / 2 + 100);
    const others: Socket[] = [];
    const areClosed = (): boolean => {
      others.push(connectPlain(to).on('error', () => undefined));
      return closed === silent.length;
    };
    // Sooner than the time that Node gives a request.
    await eventually('the silent ones to be closed', areClosed, 20_000);
    server.letGo();
    expect((await answered).allowed).to.equal(true);
    for (const socket of others) socket.destroy();
  });
});
