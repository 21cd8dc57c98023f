import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { connect as connectPlain, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import pino from 'pino';
import { Registry } from 'prom-client';
import { keyPairFiles } from '../../certs/reload.ts';
import { sleep } from '../../kube/api/deadline.ts';
import { allow } from '../../webhook/review/decision.ts';
import type { ReviewAnswer } from '../../webhook/review/review.ts';
import { createApp } from '../../webhook/server/app.ts';
import { maxBodyBytes } from '../../webhook/server/body.ts';
import { BodyBudget } from '../../webhook/server/bodyBudget.ts';
import { Gate } from '../../webhook/server/gate.ts';
import { defaultLimits } from '../../webhook/server/limits.ts';
import { admissionMetrics } from '../../webhook/server/metrics.ts';
import { AdmissionServer } from '../../webhook/server/server.ts';
import { Program } from '../agent/programs.ts';
import { eventually } from '../eventually.ts';
import { servingCertificate } from './support.ts';

const mib = 2 ** 20;

/** A review of so many bytes. Its object is of many small ones, as what the API server keeps of fields' managers is. */
function review(uid: string, bytes: number): string {
  const kind = { group: '', version: 'v1', kind: 'Pod' };
  const resource = { group: '', version: 'v1', resource: 'pods' };
  const request = JSON.stringify({ uid, kind, resource, operation: 'CREATE' });
  const head = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":${request.slice(0, -1)},"object":{`;
  const field = (i: number): string =>
    `"k:{\\"name\\":\\"c${String(i).padStart(5, '0')}\\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},"f:resources":{}}`;
  const count = Math.floor((bytes - head.length) / (field(0).length + 1));
  const fields = Array.from({ length: count }, (_, i) => field(i));
  const text = `${head}${fields.join(',')}}}}`;
  return text + ' '.repeat(bytes - text.length);
}

interface Server {
  port: number;
  caCertificate: string;
}

/** Sends a body whole; chunked where it announces no length. */
async function post({ port, caCertificate: ca }: Server, body: string | Buffer, { chunked = false } = {}) {
  const headers = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': Buffer.byteLength(body) };
  const options = {
    host: '127.0.0.1',
    port,
    ca,
    path: '/held?timeout=30s',
    method: 'POST',
    headers,
    agent: new Agent(),
  };
  const sent = request(options).end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return { status: response.statusCode, text: Buffer.concat(chunks).toString() };
}

async function ask(server: Server, body: string | Buffer, options = {}): Promise<ReviewAnswer['response']> {
  return (JSON.parse((await post(server, body, options)).text) as ReviewAnswer).response;
}

describe('the admission server, of bodies', function () {
  this.timeout(120_000);
  const budget = new BodyBudget(10 * mib);
  const registry = new Registry();
  const gate = new Gate({ concurrency: 128, queue: 128 });
  const stopping = new AbortController();
  const held: (() => void)[] = [];
  const reviewer = async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    held.push(() => {
      resolve(undefined);
    });
    await promise;
    return allow();
  };
  let server: Server;
  let folder: string;
  let ended: Promise<void>;

  before(async () => {
    const { folder: own, certificate, caCertificate } = await servingCertificate();
    folder = own;
    const metrics = admissionMetrics(registry, gate, budget);
    const logger = pino({ enabled: false });
    const app = createApp({ reviewers: { '/held': reviewer }, gate, bodies: budget, metrics, logger });
    const certificates = keyPairFiles(certificate);
    const listening = new AdmissionServer(app, {
      port: 0,
      host: '127.0.0.1',
      certificate: certificates,
      drainMs: 0,
      logger,
    });
    ended = listening.start(stopping.signal);
    await Promise.race([listening.untilListening(), ended]);
    server = { port: listening.port, caCertificate };
  });
  afterEach(async () => {
    letGo();
    await eventually('the budget to be given back', () => budget.held === 0);
  });
  after(async () => {
    stopping.abort();
    await ended;
    rmSync(folder, { recursive: true });
  });

  const letGo = (): void => {
    for (const end of held.splice(0)) end();
  };
  const beingHeld = (count: number) => eventually(`${count} reviews to be held`, () => held.length === count);

  for (const chunked of [false, true]) {
    const how = chunked ? 'that comes in chunks' : 'of announced length';
    it(`takes one ${how} until it is answered, and refuses as busy what does not fit beside it`, async () => {
      const large = Buffer.from(review('large', 7 * mib));
      const first = ask(server, large, { chunked });
      await beingHeld(1);
      expect(budget.held).to.equal(7 * mib);
      const refused = await ask(server, large, { chunked });
      expect(refused).to.include({ uid: 'large', allowed: false });
      expect(refused.status)
        .to.include({ code: 429, reason: 'TooManyRequests' })
        .and.have.property('message')
        .match(/^MNN_OVERLOADED: the reviews that are being answered hold as many bytes as they may\. Try again/);
      expect(budget.held).to.equal(7 * mib);
      const small = ask(server, review('small', 2 * mib), { chunked });
      await beingHeld(2);
      expect(budget.held).to.equal(9 * mib);
      letGo();
      expect([(await first).allowed, (await small).allowed]).to.deep.equal([true, true]);
    });
  }

  it('answers with 429 where the beginning of the body does not say which review it is', async () => {
    const first = ask(server, review('first', 7 * mib));
    await beingHeld(1);
    const { status, text } = await post(server, Buffer.alloc(4 * mib, ' '));
    expect(status).to.equal(429);
    expect(JSON.parse(text)).to.include({ kind: 'Status', reason: 'TooManyRequests' });
    letGo();
    await first;
  });

  it('holds nothing for a body that is too large, announced or not', async () => {
    for (const chunked of [false, true]) {
      const { status } = await ask(server, review('huge', maxBodyBytes + 1), { chunked });
      expect(status).to.include({ code: 413 });
      expect(budget.held).to.equal(0);
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
    await eventually('the announced bytes to be held', () => budget.held === 7 * mib);
    expect((await ask(server, review('other', 7 * mib))).status).to.include({ code: 429 });
    await closed;
    expect(budget.held).to.equal(0);
    const after = ask(server, review('other', 7 * mib));
    await beingHeld(1);
    letGo();
    expect((await after).allowed).to.equal(true);
    expect(await registry.metrics()).to.match(/multinic_admission_unread_total\{code="MNN_DEADLINE"\} 1\n/);
  });

  it('cuts off who connects and says nothing', async () => {
    const socket = connectPlain(server.port, '127.0.0.1');
    await once(socket, 'connect');
    const before = performance.now();
    await once(socket.resume(), 'close');
    expect(performance.now() - before, 'ms').to.be.below(20_000);
  }).timeout(40_000);

  it('gives the bytes of a sender back that has gone', async () => {
    const { socket, closed } = await slowly('30s');
    await eventually('the announced bytes to be held', () => budget.held === 7 * mib);
    socket.destroy();
    await closed;
    await eventually('the budget to be given back', () => budget.held === 0);
    expect(await registry.metrics()).to.match(/multinic_admission_unread_total\{code="broken"\} 1\n/);
  });
});

describe('the admission server, of many connections', function () {
  this.timeout(60_000);
  const few = 20;
  /** Long enough for a machine that does much besides. */
  const idleMs = 4000;
  const stopping = new AbortController();
  const asked: (() => void)[] = [];
  let server: Server;
  let folder: string;
  let ended: Promise<void>;

  before(async () => {
    const { folder: own, certificate, caCertificate } = await servingCertificate();
    folder = own;
    const logger = pino({ enabled: false });
    const gate = new Gate(defaultLimits);
    const bodies = new BodyBudget(defaultLimits.bodyBytes);
    const reviewers = {
      '/held': async () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        asked.push(resolve);
        await promise;
        return allow();
      },
    };
    const app = createApp({ reviewers, gate, bodies, metrics: admissionMetrics(new Registry(), gate, bodies), logger });
    const listening = new AdmissionServer(app, {
      ...{ port: 0, host: '127.0.0.1', certificate: keyPairFiles(certificate), drainMs: 0, logger },
      crowd: { few, idleMs },
    });
    ended = listening.start(stopping.signal);
    await Promise.race([listening.untilListening(), ended]);
    server = { port: listening.port, caCertificate };
  });
  after(async () => {
    stopping.abort();
    await ended;
    rmSync(folder, { recursive: true });
  });

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
    await eventually('the review to be worked on', () => asked.length === 1);
    expect(closed).to.equal(0);
    await sleep(idleMs / 2 + 100);
    const others: Socket[] = [];
    const areClosed = (): boolean => {
      others.push(connectPlain(to).on('error', () => undefined));
      return closed === silent.length;
    };
    // Sooner than the time that Node gives a request.
    await eventually('the silent ones to be closed', areClosed, 20_000);
    asked[0]?.();
    expect((await answered).allowed).to.equal(true);
    for (const socket of others) socket.destroy();
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
