import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { pino } from 'pino';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { eventually } from '../../test/eventually.ts';
import { LeaderElector } from './leaderElection.ts';

describe('A lease that was deleted', () => {
  it('is not taken at once by a candidate that has looked at it rarely: its holder may have renewed it since', async () => {
    const requests: string[] = [];
    const lease = {
      metadata: { namespace: 'default', name: 'rare', resourceVersion: '1' },
      spec: { holderIdentity: 'holder', leaseDurationSeconds: 1 },
    };
    await using server = await AnsweringServer.start(({ method = '' }, response) => {
      requests.push(method);
      const isFirst = requests.length === 1;
      if (method === 'GET' && !isFirst) answerJson(response, 404, { kind: 'Status', reason: 'NotFound' });
      else answerJson(response, 200, lease);
    });
    const stop = new AbortController();
    const elector = new LeaderElector({
      client: server.client,
      lease: { namespace: 'default', name: 'rare' },
      identity: 'candidate',
      logger: pino({ level: 'silent' }),
      onStarted: () => sleep(10_000, undefined, { signal: stop.signal }).catch(() => undefined),
      // The time between two looks is longer than the lease lasts.
      ...{ leaseDurationMs: 300, renewDeadlineMs: 299, retryPeriodMs: 298 },
    });
    const running = elector.start(stop.signal);
    await eventually('it to lead', () => requests.includes('POST'));
    stop.abort();
    await running;
    expect(requests.slice(0, 3)).to.deep.equal(['GET', 'GET', 'GET']);
  });
});
