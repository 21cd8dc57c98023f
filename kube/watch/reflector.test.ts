import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import pino from 'pino';
import { eventually } from '../../test/eventually.ts';
import { Backoff } from '../api/backoff.ts';
import { KubeClient } from '../api/client.ts';
import { Informer } from './informer.ts';
import { leases, type Lease } from '../api/resources.ts';

/** What a real API server does only when it likes; test/kube has the same against a real one. */
describe('Informer, on how it asks for lists', () => {
  let server: Server;
  let client: KubeClient;
  let answer: (query: URLSearchParams, response: ServerResponse) => void;
  let informer: Informer<Lease>;
  /** Parameters of the lists, in order. */
  const lists: Record<string, string>[] = [];

  beforeEach(async () => {
    lists.length = 0;
    server = createServer((request: IncomingMessage, response) => {
      const query = new URL(request.url ?? '', 'http://here').searchParams;
      if (!query.has('watch')) lists.push(Object.fromEntries(query));
      answer(query, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = new KubeClient({
      server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: () => Promise.resolve({ headers: {}, tls: {} }),
    });
  });

  afterEach(async () => {
    await informer.stop();
    await client.close();
    server.close();
    server.closeAllConnections();
  });

  function start(options: { listFromCache: boolean }): void {
    const logger = pino({ enabled: false });
    informer = new Informer({ client, logger, resource: leases, backoff: new Backoff({ minMs: 1 }), ...options });
    void informer.start();
  }

  const json = { 'content-type': 'application/json' };
  const gone = { kind: 'Status', code: 410, reason: 'Expired' };

  function list(response: ServerResponse, resourceVersion: string): void {
    response.writeHead(200, json).end(JSON.stringify({ metadata: { resourceVersion }, items: [] }));
  }

  /** Each watch hears a version, then that it cannot go on. */
  function watch(response: ServerResponse, resourceVersion: string): void {
    const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion } } };
    const events = [bookmark, { type: 'ERROR', object: gone }].map(event => `${JSON.stringify(event)}\n`);
    response.writeHead(200, json).end(events.join(''));
  }

  it('takes what the cache has, never older than what it saw, where thousands may have to list again at once', async () => {
    answer = (query, response) => {
      if (query.has('watch')) watch(response, '20');
      else if (lists.length === 2) response.writeHead(410, json).end(JSON.stringify(gone));
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
