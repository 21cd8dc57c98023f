import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { maxBodyBytes } from '../../webhook/server/body.ts';
import { defaultLimits } from '../../webhook/server/limits.ts';
import { Program } from '../agent/programs.ts';
import { eventually } from '../eventually.ts';
import { type HoldingServer, startHoldingServer } from './holdingServer.ts';
import { ask, mib, post, review } from './postReview.ts';
import { servingCertificate } from './support.ts';

describe('the admission server, of bodies', function () {
  this.timeout(120_000);
  let server: HoldingServer;

  before(async () => {
    server = await startHoldingServer({ bodyBytes: 10 * mib });
  });
  afterEach(async () => {
    server.letGo();
    await eventually('the budget to be given back', () => server.budget.held === 0);
  });
  after(() => server?.[Symbol.asyncDispose]());

  for (const chunked of [false, true]) {
    const how = chunked ? 'that comes in chunks' : 'of announced length';
    it(`takes one ${how} until it is answered, and refuses as busy what does not fit beside it`, async () => {
      const large = Buffer.from(review('large', 7 * mib));
      const first = ask(server, large, { chunked });
      await server.holds(1);
      expect(server.budget.held).to.equal(7 * mib);
      const refused = await ask(server, large, { chunked });
      expect(refused).to.include({ uid: 'large', allowed: false });
      expect(refused.status)
        .to.include({ code: 429, reason: 'TooManyRequests' })
        .and.have.property('message')
        .match(/^MNN_OVERLOADED: the reviews that are being answered hold as many bytes as they may\. Try again/);
      expect(server.budget.held).to.equal(7 * mib);
      const small = ask(server, review('small', 2 * mib), { chunked });
      await server.holds(2);
      expect(server.budget.held).to.equal(9 * mib);
      server.letGo();
      expect([(await first).allowed, (await small).allowed]).to.deep.equal([true, true]);
    });
  }

  it('answers with 429 where the beginning of the body does not say which review it is', async () => {
    const first = ask(server, review('first', 7 * mib));
    await server.holds(1);
    const { status, text } = await post(server, Buffer.alloc(4 * mib, ' '));
    expect(status).to.equal(429);
    expect(JSON.parse(text)).to.include({ kind: 'Status', reason: 'TooManyRequests' });
    server.letGo();
    await first;
  });

  it('holds nothing for a body that is too large, announced or not', async () => {
    for (const chunked of [false, true]) {
      const { status } = await ask(server, review('huge', maxBodyBytes + 1), { chunked });
      expect(status).to.include({ code: 413 });
      expect(server.budget.held).to.equal(0);
    }
  });

  /** Announces 7 MiB, and sends a byte a second for as long as the server lets it. */
  async function slowly(timeout: string): Promise<{ socket: TLSSocket; closed: Promise<unknown> }> {
    const socket = connect({ host: '127.0.0.1', port: server.port, ca: server.caCertificate });
    socket.on('error', () => undefined); // 'close' follows
    await once(socket, 'secureConnect');
    socket.write(`POST /held?timeout=${timeout} HTTP/1.1\r\nHost: x\r\nContent-Length: ${7 * mib}\r\n\r\n`);
    const dripping = setInterval(() => socket.write('{'), 1000);
    const closed = once(socket, 'close').finally(() => {
      clearInterval(dripping);
    });
    return { socket, closed };
  }

  it('cuts off who sends slowly when the time is over that it gave itself, and then has room for others', async () => {
    const { closed } = await slowly('4s');
    await eventually('the announced bytes to be held', () => server.budget.held === 7 * mib);
    expect((await ask(server, review('other', 7 * mib))).status).to.include({ code: 429 });
    await closed;
    expect(server.budget.held).to.equal(0);
    const after = ask(server, review('other', 7 * mib));
    await server.holds(1);
    server.letGo();
    expect((await after).allowed).to.equal(true);
    expect(await server.registry.metrics()).to.match(/multinic_admission_unread_total\{code="MNN_DEADLINE"\} 1\n/);
  });

  it('cuts off who connects and says nothing', async () => {
    const socket = connectPlain(server.port, '127.0.0.1');
    await once(socket, 'connect');
    // Node itself waits for two minutes, which is longer than this test may take.
    await once(socket.resume(), 'close');
  }).timeout(40_000);

  it('gives the bytes of a sender back that has gone', async () => {
    const { socket, closed } = await slowly('30s');
    await eventually('the announced bytes to be held', () => server.budget.held === 7 * mib);
    socket.destroy();
    await closed;
    await eventually('the budget to be given back', () => server.budget.held === 0);
    expect(await server.registry.metrics()).to.match(/multinic_admission_unread_total\{code="broken"\} 1\n/);
  });
});

describe('the admission server, of its memory', function () {
  this.timeout(300_000);

  /** A quarter of what the Deployment gives: the copies of a large cluster need the most of it. Node takes half for its heap. */
  const manifest = readFileSync(join(import.meta.dirname, '../../manifests/base/webhook/deployment.yaml'), 'utf8');
  const memoryMib = (Number(/limits:\n *memory: (\d+)Gi\n/.exec(manifest)?.[1]) * 1024) / 4;

  it('stays below a quarter of what its Deployment gives it under 500 reviews of 1.5 MiB at once', async () => {
    const { folder, certificate, caCertificate } = await servingCertificate();
    const main = join(import.meta.dirname, 'waitingServer.ts');
    await using program = new Program([
      process.execPath,
      `--max-old-space-size=${memoryMib / 2}`,
      main,
      certificate.cert,
      certificate.key,
    ]);
    try {
      await program.firstOutput();
      const server = { port: Number(program.output), caCertificate };
      const bodies = Buffer.from(review('many', 1.5 * mib));
      // On a machine that does much besides, some come too late and are cut off.
      const answers = await Promise.all(Array.from({ length: 500 }, () => ask(server, bodies).catch(() => undefined)));
      const count = (code: number): number =>
        answers.filter(answer => (answer?.allowed ? 200 : (answer?.status as { code?: number })?.code) === code).length;
      expect(count(200), 'allowed').to.be.at.least(Math.floor(defaultLimits.bodyBytes / bodies.length));
      expect(count(429), 'busy').to.be.greaterThan(0);
      expect(peakMib(program.pid)).to.be.lessThan(memoryMib);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** The most memory that a process has had. */
function peakMib(pid: number): number {
  const [, kib = ''] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}
