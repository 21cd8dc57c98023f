import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { connect as connectPlainly } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect } from 'chai';
import pino from 'pino';
import { Registry } from 'prom-client';
import { keyPairFiles } from '../../certs/reload.ts';
import { MultiNicError } from '../../core/errors.ts';
import { TransportError } from '../../kube/api/errors.ts';
import { authority, issue, review } from '../../test/webhook/tlsReviews.ts';
import { allow } from '../review/decision.ts';
import type { ReviewAnswer } from '../review/review.ts';
import { createApp, type Reviewer } from './app.ts';
import { maxBodyBytes } from './body.ts';
import { BodyBudget } from './bodyBudget.ts';
import { Gate } from './gate.ts';
import { admissionMetrics } from './metrics.ts';
import { AdmissionServer } from './server.ts';

const logger = pino({ enabled: false });
const folder = mkdtempSync(join(tmpdir(), 'multi-nic-server-'));
const certificate = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };

describe('the admission server', () => {
  const registry = new Registry();
  const gate = new Gate({ concurrency: 1, queue: 0 });
  const release: (() => void)[] = [];
  const reviewers: Record<string, Reviewer> = {
    '/allow': () => allow({ patch: [{ op: 'add', path: '/x', value: 1 }], warnings: ['w'.repeat(300)] }),
    '/empty': () => allow({ patch: [], warnings: [] }),
    '/deny': () => Promise.reject(new MultiNicError('MNN_POOL_FULL', 'no address is left')),
    '/broken': () => Promise.reject(new Error('a bug')),
    '/unanswered': () => Promise.reject(new TransportError('timeout', 'GET /nodes: no answer within 5 ms')),
    '/slow': () => Promise.withResolvers<never>().promise,
    '/slow-here': () => Promise.withResolvers<never>().promise,
    '/full-here': () => Promise.reject(new MultiNicError('MNN_POOL_FULL', 'no address is left')),
    '/held': async () => {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      release.push(() => {
        resolve(undefined);
      });
      await promise;
      return allow();
    },
  };
  const bodies = new BodyBudget(maxBodyBytes);
  const askedAgain = ['/slow-here', '/full-here'];
  const metrics = admissionMetrics(registry, gate, bodies);
  const app = createApp({ reviewers, askedAgain, gate, bodies, metrics, logger });
  const options = { port: 0, host: '127.0.0.1', certificate: keyPairFiles(certificate), drainMs: 0, logger };
  const server = new AdmissionServer(app, options);
  const stopping = new AbortController();
  let ended: Promise<void>;

  before(async () => {
    await issue(certificate, 'first');
    ended = server.start(stopping.signal);
    await Promise.race([server.untilListening(), ended]);
  });

  after(async () => {
    stopping.abort();
    await ended;
    rmSync(folder, { recursive: true });
  });

  async function post(path: string, body: string | Buffer, options: RequestOptions = {}) {
    const { certificate: ca } = await authority;
    const sent = request({ host: '127.0.0.1', port: server.port, ca, path, method: 'POST', ...options }).end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    return { status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() };
  }
  const ask = async (path: string, more: object = {}) => {
    const { status, text } = await post(path, JSON.stringify(review('u1', more)));
    return { status, ...(JSON.parse(text) as ReviewAnswer) };
  };

  it('answers with the request’s uid, the patch in base64 and warnings that Kubernetes shows whole', async () => {
    const { status, apiVersion, kind, response } = await ask('/allow?timeout=10s');
    expect({ status, apiVersion, kind }).to.deep.equal({
      status: 200,
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
    });
    expect(response).to.include({ uid: 'u1', allowed: true, patchType: 'JSONPatch' });
    expect(JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString())).to.deep.equal([
      { op: 'add', path: '/x', value: 1 },
    ]);
    expect(response.warnings?.[0]).to.have.length(256);
  });

  it('leaves out what is empty', async () => {
    expect((await ask('/empty')).response).to.deep.equal({ uid: 'u1', allowed: true });
  });

  it('answers a refusal as a decision, with the code and what to do', async () => {
    const { status, response } = await ask('/deny');
    expect(status).to.equal(200);
    expect(response).to.include({ uid: 'u1', allowed: false });
    expect(response.status).to.include({ code: 403, status: 'Failure' });
    expect(response.status)
      .to.have.property('message')
      .match(/^MNN_POOL_FULL: no address is left\. Free addresses/);
  });

  it('leaves it to failurePolicy if no decision was possible', async () => {
    const { status, text } = await post('/broken', JSON.stringify(review('u1')));
    expect(status).to.equal(500);
    expect(JSON.parse(text)).to.include({ kind: 'Status', reason: 'InternalError' });
  });

  it('says to the user what was not answered, and not only to its log, where another try may do', async () => {
    const { status, text } = await post('/unanswered', JSON.stringify(review('u1')));
    expect(status).to.equal(500);
    const { message } = JSON.parse(text) as { message: string };
    expect(message).to.contain('try again').and.contain('GET /nodes: no answer within 5 ms');
  });

  it('refuses within the time that the API server waits', async () => {
    const { response } = await ask('/slow?timeout=20ms');
    expect(response.status)
      .to.include({ code: 503 })
      .and.have.property('message')
      .match(/^MNN_DEADLINE/);
  });

  it('gives no answer where it has none in time and another replica is asked next, but refuses there what it has decided about', async () => {
    const late = await post('/slow-here?timeout=20ms', JSON.stringify(review('u1')));
    expect(late.status).to.equal(503);
    expect(JSON.parse(late.text)).to.include({ kind: 'Status', reason: 'ServiceUnavailable' });
    const { response } = await ask('/full-here');
    expect(response.status)
      .to.have.property('message')
      .match(/^MNN_POOL_FULL/);
  });

  it('refuses at once what is more than it can do', async () => {
    const first = ask('/held');
    while (release.length === 0) await new Promise(setImmediate);
    const { response } = await ask('/allow');
    expect(response.status)
      .to.include({ code: 429 })
      .and.have.property('message')
      .match(/^MNN_OVERLOADED/);
    release.pop()?.();
    expect((await first).response.allowed).to.equal(true);
  });

  for (const [what, body] of Object.entries({
    'no JSON': '{',
    'no review': '{"kind":"Pod"}',
    'a review of another version': JSON.stringify({ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1beta1' }),
    'a review without a request': JSON.stringify({ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1' }),
    'an empty body': '',
  })) {
    it(`answers ${what} with 400 and a Status`, async () => {
      const { status, text } = await post('/allow', body);
      expect(status).to.equal(400);
      expect(JSON.parse(text)).to.include({ kind: 'Status', reason: 'BadRequest' });
    });
  }

  it('refuses a body that is too large as a decision, by the uid at its beginning', async () => {
    const body = JSON.stringify(review('large', { object: { data: 'x'.repeat(8 * 1024 * 1024) } }));
    const { status, text } = await post('/allow', body);
    expect(status).to.equal(200);
    const { response } = JSON.parse(text) as ReviewAnswer;
    expect(response).to.include({ uid: 'large', allowed: false });
    expect(response.status).to.include({ code: 413 });
    const other = await post('/allow', Buffer.alloc(8 * 1024 * 1024, 'x'));
    expect(other.status).to.equal(413);
  });

  it('takes a body of nearly 7 MiB', async () => {
    const { response } = await ask('/allow', { object: { data: 'x'.repeat(7 * 1024 * 1024 - 1024) } });
    expect(response.allowed).to.equal(true);
  });

  it('knows its paths only', async () => {
    expect((await post('/other', '{}')).status).to.equal(404);
    expect((await post('/allow', '', { method: 'GET' })).status).to.equal(404);
  });

  it('keeps connections, in HTTP/1.1 over TLS 1.2 or later', async () => {
    expect((await post('/allow', JSON.stringify(review('u')))).headers).to.include({ connection: 'keep-alive' });
    const { certificate: ca } = await authority;
    const options = { host: '127.0.0.1', port: server.port, ca, ALPNProtocols: ['h2', 'http/1.1'] };
    const socket = connect(options);
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).to.equal('http/1.1');
    socket.destroy();
    const old = connect({ ...options, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
    const [error] = (await once(old, 'error')) as [Error];
    expect(error.message).to.match(/protocol|version|alert/i);
  });

  it('serves a renewed certificate without a restart', async () => {
    await issue(certificate, 'second');
    const { certificate: ca } = await authority;
    for (;;) {
      const socket = connect({ host: '127.0.0.1', port: server.port, ca });
      await once(socket, 'secureConnect');
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      if (CN === 'second') break;
    }
  });

  it('counts what no API server sends under one name, so that no caller can grow the metrics', async () => {
    const kind = { group: '', version: 'v1', kind: 'Invented' };
    const invented = review('u1', { kind, operation: 'MAKE' });
    await post('/allow', JSON.stringify(invented));
    const text = await registry.metrics();
    expect(text).to.contain('kind="other",operation="other"');
    expect(text).not.to.contain('Invented').and.not.to.contain('MAKE');
  });

  it('counts reviews of each kind that its configurations ask for under its name', async () => {
    const group = 'multinic.fms.io';
    const pool = { kind: { group, version: 'v1', kind: 'IPPool' }, operation: 'DELETE' };
    await post('/allow', JSON.stringify(review('u1', pool)));
    expect(await registry.metrics()).to.contain('kind="IPPool",operation="DELETE"');
  });

  it('counts and times its answers', async () => {
    const text = await registry.metrics();
    const labels = 'kind="Pod",operation="CREATE",result="denied"';
    expect(text).to.match(new RegExp(`multinic_admission_requests_total\\{${labels},dry_run="false"\\} \\d`));
    expect(text).to.contain(`multinic_admission_duration_seconds_count{${labels}}`);
    expect(text).to.contain('multinic_admission_in_flight 0');
    expect(text).to.contain('result="failed"');
  });

  it('ends with the reviews under way answered, and waits for no connection that says nothing', async function () {
    this.timeout(8000); // its TLS handshake has ten seconds
    const silent = connectPlainly(server.port, '127.0.0.1');
    await once(silent, 'connect');
    const last = ask('/held');
    while (release.length === 0) await new Promise(setImmediate);
    stopping.abort();
    while (server.accepting) await new Promise(setImmediate);
    release.pop()?.();
    expect((await last).response.allowed).to.equal(true);
    await ended;
    silent.destroy();
  });
});
