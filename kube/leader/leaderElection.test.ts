import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import pino from 'pino';
import { type Answer, AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import type { Lease } from '../api/resources.ts';
import { LeaderElector } from './leaderElection.ts';

const readMs = 1_400;
const writeMs = 900;
const times = { leaseDurationMs: 4_000, renewDeadlineMs: 3_000, retryPeriodMs: 200 };

/** An API server that answers slowly, but in time. It keeps one lease. */
class SlowServer {
  writes = 0;
  #stored: Lease = { metadata: { namespace: 'default', name: 'lease', resourceVersion: '1' }, spec: {} };

  readonly answer: Answer = (request, response) => void this.#answer(request, response);

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isWrite = request.method === 'PUT';
    const written = isWrite ? ((await json(request)) as Lease) : undefined;
    await sleep(isWrite ? writeMs : readMs);
    if (written) {
      this.writes++;
      const metadata = { ...written.metadata, resourceVersion: String(this.writes + 1) };
      this.#stored = { ...written, metadata };
    }
    answerJson(response, 200, this.#stored);
  }
}

describe('LeaderElector, where the API server is slow', function () {
  this.timeout(60_000);

  it('goes on leading: what it read before it took the lease does not count against its time', async () => {
    const slow = new SlowServer();
    await using server = await AnsweringServer.start(slow.answer);
    const stopping = new AbortController();
    const log: string[] = [];
    const elector = new LeaderElector({
      client: server.client,
      lease: { namespace: 'default', name: 'lease' },
      identity: 'a',
      logger: pino({ enabled: false }),
      ...times,
      onStarted: async signal => {
        log.push('leads');
        while (!signal.aborted && slow.writes < 4) await sleep(50);
        if (signal.aborted) log.push('lost');
        stopping.abort();
      },
    });
    await elector.start(stopping.signal);
    expect(log).to.deep.equal(['leads']);
  });
});
