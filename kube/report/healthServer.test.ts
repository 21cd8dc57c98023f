import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { expect } from 'chai';
import pino from 'pino';
import { eventually } from '../../test/eventually.ts';
import { sleep } from '../api/deadline.ts';
import { informersSynced } from './checks.ts';
import { HealthServer, type HealthServerOptions } from './healthServer.ts';
import { createMetrics } from './metrics.ts';
import { Gauge, Registry } from './prometheus.ts';

const logger = pino({ enabled: false });

describe('HealthServer', () => {
  let controller: AbortController;
  let running: Promise<void> | undefined;

  async function serve(options: Partial<HealthServerOptions> = {}) {
    controller = new AbortController();
    const server = new HealthServer({ host: '127.0.0.1', port: 0, logger, ...options });
    running = server.start(controller.signal);
    await server.ready();
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
      return { status: response.status, body: await response.text() };
    };
    return { server, get };
  }

  afterEach(async () => {
    controller?.abort();
    await running;
  });

  it('names each check, and what is wrong with those that fail', async () => {
    const { get } = await serve({
      ready: {
        cache: informersSynced([
          { name: 'pods', hasSynced: false },
          { name: 'nodes', hasSynced: true },
        ]),
        good: () => true,
        broken: () => {
          throw new Error('cannot tell');
        },
      },
    });
    expect(await get('/healthz')).to.deep.equal({ status: 200, body: 'ok\n' });
    expect(await get('/readyz?verbose')).to.deep.equal({
      status: 503,
      body: [
        '[-]cache failed: not read yet from the API server: pods',
        '[+]good ok',
        '[-]broken failed: cannot tell',
        'not ok',
        '',
      ].join('\n'),
    });
  });

  it('serves the metrics that the observers count', async () => {
    const metrics = createMetrics();
    const { get } = await serve({ registry: metrics.registry });
    metrics.informers.listed?.('pods', 7);
    metrics.informers.watchEnded?.('pods', 'gone');
    metrics.queues.handled?.('routes', 'error', 0.01);
    metrics.leadership.leading('default/controller', true);
    const { body } = await get('/metrics');
    for (const line of [
      'multinic_informer_listed_objects{informer="pods"} 7',
      'multinic_informer_watch_ends_total{informer="pods",reason="gone"} 1',
      'multinic_workqueue_work_seconds_count{queue="routes",outcome="error"} 1',
      'multinic_leader{lease="default/controller"} 1',
    ]) {
      expect(body).to.include(line);
    }
    expect(body).to.match(/multinic_informer_silent_seconds\{informer="pods"\} \d/);
    expect(body).to.match(/^multinic_build_info\{version="\d+\.\d+\.\d+"\} 1$/m);
    expect((await get('/other')).status).to.equal(404);
  });

  /** A registry whose metrics take some milliseconds, and how often they were made. */
  function slowRegistry() {
    const made = { times: 0 };
    const registry = new Registry();
    new Gauge({
      name: 'slow',
      help: 'Takes time.',
      registers: [registry],
      collect() {
        made.times++;
        const end = performance.now() + 5;
        while (performance.now() < end);
      },
    });
    return { registry, made };
  }

  it('has time for others, however often somebody asks for metrics', async () => {
    const { registry, made } = slowRegistry();
    const { get } = await serve({ registry });
    const started = performance.now();
    const answers = await Promise.all(Array.from({ length: 400 }, () => get('/metrics')));
    expect(answers.every(({ status, body }) => status === 200 && body.includes('slow 0'))).to.equal(true);
    expect(made.times).to.be.at.most(2 + (performance.now() - started) / 50);
  });

  it('answers one request of a connection, and not thousands that come in one packet', async () => {
    const { registry, made } = slowRegistry();
    const { server } = await serve({ registry });
    const socket = connect(server.port, '127.0.0.1');
    let answer = '';
    socket.on('data', chunk => (answer += String(chunk)));
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000));
    await once(socket, 'close');
    expect(answer.match(/^HTTP\/1.1 200 /gm)).to.have.length(1);
    expect(answer).to.match(/^connection: close\r$/im);
    expect(made.times).to.equal(1);
  });

  it('cuts off silent connections where there are many, and serves all that come together', async () => {
    const { server, get } = await serve();
    const silent = Array.from({ length: 150 }, () => connect(server.port, '127.0.0.1'));
    let closed = 0;
    for (const socket of silent) socket.on('error', () => undefined).on('close', () => closed++);
    const answers = await Promise.all(Array.from({ length: 150 }, () => get('/healthz')));
    expect(answers.every(({ status }) => status === 200)).to.equal(true);
    await sleep(1100);
    expect((await get('/healthz')).status).to.equal(200);
    await eventually('the silent ones to be closed', () => closed === silent.length);
  });

  it('answers HEAD as GET, without the body', async () => {
    const { server } = await serve({ ready: { cache: () => 'empty' } });
    const head = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { method: 'HEAD' });
      return [answer.status, answer.headers.get('content-length'), await answer.text()];
    };
    expect(await head('/healthz')).to.deep.equal([200, '3', '']);
    expect(await head('/readyz')).to.deep.equal([503, '30', '']);
  });

  it('fails to start where the port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const server = new HealthServer({ host: '127.0.0.1', port, logger });
    const error = await server.start(new AbortController().signal).catch((thrown: unknown) => thrown);
    taken.close();
    expect(error).to.have.property('code', 'EADDRINUSE');
  });

  it('answers port scanners of the node, and logs nothing of them', async () => {
    const lines: string[] = [];
    const { server } = await serve({ logger: pino({}, { write: line => lines.push(line) }) });
    const socket = connect(server.port, '127.0.0.1');
    let answer = '';
    socket.on('data', chunk => (answer += String(chunk)));
    socket.end('GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await once(socket, 'close');
    expect(answer).to.match(/^HTTP\/1.1 404 /);
    expect(lines).to.deep.equal([]);
  });
});
