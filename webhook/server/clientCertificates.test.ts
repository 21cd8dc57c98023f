import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { Registry } from 'prom-client';
import { createAuthority, type KeyAndCertificate } from '../../certs/authority.ts';
import { authorityFile, keyPairFiles } from '../../certs/reload.ts';
import { authority, issue, review, validity } from '../../test/webhook/tlsReviews.ts';
import { allow } from '../review/decision.ts';
import { createApp } from './app.ts';
import { maxBodyBytes } from './body.ts';
import { BodyBudget } from './bodyBudget.ts';
import { Gate } from './gate.ts';
import { admissionMetrics } from './metrics.ts';
import { AdmissionServer } from './server.ts';

const logger = pino({ enabled: false });

describe('the admission server that asks for client certificates', () => {
  const folder = mkdtempSync(join(tmpdir(), 'multi-nic-clients-'));
  const paths = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  const clientAuthority = join(folder, 'clients.crt');
  const gate = new Gate({ concurrency: 1, queue: 0 });
  const bodies = new BodyBudget(maxBodyBytes);
  const metrics = admissionMetrics(new Registry(), gate, bodies);
  const app = createApp({ reviewers: { '/allow': () => allow() }, gate, bodies, metrics, logger });
  const server = new AdmissionServer(app, {
    ...{ port: 0, host: '127.0.0.1', drainMs: 0, logger },
    certificate: keyPairFiles(paths),
    clients: { authority: authorityFile(clientAuthority, 20), names: new Set(['apiserver']) },
  });
  const stopping = new AbortController();
  let ended: Promise<void>;

  before(async () => {
    await issue(paths, 's');
    ended = server.start(stopping.signal);
    writeFileSync(clientAuthority, (await authority).certificate);
    await Promise.race([server.untilListening(), ended]);
  });

  after(async () => {
    stopping.abort();
    await ended;
    rmSync(folder, { recursive: true });
  });

  /** Status of the answer, or what ended the connection. */
  async function call(client?: KeyAndCertificate): Promise<number | string | undefined> {
    const { certificate: ca } = await authority;
    const tls = client && { cert: client.certificate, key: client.privateKey };
    const sent = request({
      host: '127.0.0.1',
      port: server.port,
      ca,
      path: '/allow',
      method: 'POST',
      agent: false,
      ...tls,
    });
    const answer = once(sent.end(JSON.stringify(review('u'))), 'response') as Promise<[IncomingMessage]>;
    try {
      const [response] = await answer;
      response.resume();
      return response.statusCode;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  }

  it('serves the API server, and no client without a certificate, or with one of another authority or name', async () => {
    const other = await createAuthority({ commonName: 'other' }, validity);
    const subject = { commonName: 'apiserver' };
    expect(await call(await (await authority).issue({ ...validity, subject }))).to.equal(200);
    expect(await call()).to.match(/^ERR_SSL|ECONNRESET/);
    expect(await call(await other.issue({ ...validity, subject }))).to.match(/^ERR_SSL|ECONNRESET/);
    expect(await call(await (await authority).issue({ ...validity, subject: { commonName: 'pod' } }))).to.equal(
      'ECONNRESET',
    );
  });

  it('follows the authority of clients', async () => {
    const next = await createAuthority({ commonName: 'next' }, validity);
    const client = await next.issue({ ...validity, subject: { commonName: 'apiserver' } });
    expect(await call(client)).not.to.equal(200);
    writeFileSync(clientAuthority, (await authority).certificate + next.certificate);
    while ((await call(client)) !== 200) await new Promise(setImmediate);
    writeFileSync(clientAuthority, (await authority).certificate);
    while ((await call(client)) === 200) await new Promise(setImmediate);
  });
});
