import { expect } from 'chai';
import { pino } from 'pino';
import { AnsweringServer, answerJson } from '../test/answeringServer.ts';
import { eventually } from '../test/eventually.ts';
import { certificateSecret } from './certificateSecret.ts';

describe('the Secret of the serving certificate', () => {
  it('is missed aloud: a replica without one is not ready, and its log says why', async () => {
    await using server = await AnsweringServer.start(({ url = '' }, response) => {
      if (url.includes('watch=')) response.writeHead(200).flushHeaders();
      else answerJson(response, 200, { metadata: { resourceVersion: '5' }, items: [] });
    });
    const lines: string[] = [];
    const logger = pino({}, { write: line => lines.push(line) });
    const secret = { namespace: 'nets', name: 'multi-nic-webhook-tls' };
    const follow = certificateSecret({ client: server.client, logger, secret });
    const stopping = new AbortController();
    const ended = follow(stopping.signal, { changed: () => undefined, failed: () => undefined });
    try {
      await eventually('a line', () => Promise.resolve(lines.length > 0));
    } finally {
      stopping.abort();
      await ended;
    }
    expect(lines.join('')).to.contain('there is no Secret with a serving certificate yet').and.to.contain(secret.name);
  });
});
