import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import pino from 'pino';
import type { KubeClient } from '../api/client.ts';
import type { Lease } from '../api/resources.ts';
import { LeaderElector } from './leaderElection.ts';

const readMs = 1_400;
const writeMs = 900;
const times = { leaseDurationMs: 4_000, renewDeadlineMs: 3_000, retryPeriodMs: 200 };

/** An API server that answers slowly, but in time. It keeps one lease. */
class SlowServer {
  writes = 0;
  #stored: Lease = { metadata: { namespace: 'default', name: 'lease', resourceVersion: '1' }, spec: {} };

  async find(): Promise<Lease> {
    await sleep(readMs);
    return this.#stored;
  }

  async update(_resource: unknown, lease: Lease): Promise<Lease> {
    await sleep(writeMs);
    this.writes++;
    const metadata = { ...lease.metadata, resourceVersion: String(this.writes + 1) };
    return (this.#stored = { ...lease, metadata });
  }
}

describe('LeaderElector, where the API server is slow', function () {
  this.timeout(60_000);

  it('goes on leading: what it read before it took the lease does not count against its time', async () => {
    const server = new SlowServer();
    const stopping = new AbortController();
    const log: string[] = [];
    const elector = new LeaderElector({
      client: server as unknown as KubeClient,
      lease: { namespace: 'default', name: 'lease' },
      identity: 'a',
      logger: pino({ enabled: false }),
      ...times,
      onStarted: async signal => {
        log.push('leads');
        while (!signal.aborted && server.writes < 4) await sleep(50);
        if (signal.aborted) log.push('lost');
        stopping.abort();
      },
    });
    await elector.start(stopping.signal);
    expect(log).to.deep.equal(['leads']);
  });
});
