import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import pino from 'pino';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { eventually } from '../../test/eventually.ts';
import { Backoff } from '../api/backoff.ts';
import { type Lease, leases } from '../api/resources.ts';
import { Informer } from './informer.ts';

/** What a real API server does only when it likes; test/kube has the same against a real one. */
describe('Informer, on how it asks for lists', () => {
  let server: AnsweringServer;
  let answer: (query: URLSearchParams, response: ServerResponse) => void;
  let informer: Informer<Lease>;
  let stopping: AbortController;
  let ended: Promise<void>;
  /** Parameters of the lists, in order. */
  const lists: Record<string, string>[] = [];

  beforeEach(async () => {
    lists.length = 0;
    server = await AnsweringServer.start(({ url = '' }, response) => {
      const query = new URL(url, 'http://here').searchParams;
      if (!query.has('watch')) lists.push(Object.fromEntries(query));
      answer(query, response);
    });
  });

  afterEach(async () => {
    stopping.abort();
    await ended;
    await server[Symbol.asyncDispose]();
  });

  function start({ minMs = 1, ...options }: { listFromCache: boolean; minMs?: number }): void {
    const logger = pino({ enabled: false });
    const { client } = server;
    informer = new Informer({ client, logger, resource: leases, backoff: new Backoff({ minMs }), ...options });
    stopping = new AbortController();
    ended = informer.start(stopping.signal);
  }

  const gone = { kind: 'Status', code: 410, reason: 'Expired' };

  function list(response: ServerResponse, resourceVersion: string): void {
    answerJson(response, 200, { metadata: { resourceVersion }, items: [] });
  }

  /** Each watch hears a version, then that it cannot go on. */
  function watch(response: ServerResponse, resourceVersion: string): void {
    const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion } } };
    const events = [bookmark, { type: 'ERROR', object: gone }].map(event => `${JSON.stringify(event)}\n`);
    response.writeHead(200, { 'content-type': 'application/json' }).end(events.join(''));
  }

  it('takes what the cache has, never older than what it saw, where thousands may have to list again at once', async () => {
    answer = (query, response) => {
      if (query.has('watch')) watch(response, '20');
      else if (lists.length === 2) answerJson(response, 410, gone);
      else list(response, lists.length === 1 ? '10' : '30');
    };
    start({ listFromCache: true });
    await eventually('four lists', () => lists.length >= 4);
    expect(lists.slice(0, 4)).to.deep.equal([
      { limit: '500', resourceVersion: '0' },
      { limit: '0', resourceVersion: '20' },
      // That one the cache did not have.
      { limit: '500' },
      { limit: '0', resourceVersion: '20' },
    ]);
  });

  it('asks less and less often where each watch soon says that it cannot go on', async () => {
    answer = (query, response) => {
      if (query.has('watch')) watch(response, '20');
      else list(response, '10');
    };
    start({ listFromCache: true, minMs: 20 });
    await new Promise(resolve => setTimeout(resolve, 1000));
    expect(lists.length).to.be.within(2, 8);
  });

  it('asks for the latest where it must not miss anything', async () => {
    answer = (query, response) => {
      if (query.has('watch')) watch(response, '20');
      else list(response, '10');
    };
    start({ listFromCache: false });
    await eventually('two lists', () => lists.length >= 2);
    expect(lists.slice(0, 2)).to.deep.equal([{ limit: '500' }, { limit: '500' }]);
  });
});
