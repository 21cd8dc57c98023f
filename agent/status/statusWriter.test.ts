import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import pino from 'pino';
import type { KubeClient } from '../../kube/api/client.ts';
import { StatusWriter } from './statusWriter.ts';
import { WaitingStatuses } from './waitingStatuses.ts';

const pods = Array.from({ length: 12 }, (_, i) => ({ namespace: 'ai', name: `worker-${i}`, uid: `u-${i}` }));

describe('Writing network-status', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'statuses-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function writer(patch: (name: string, signal: AbortSignal) => Promise<void>, flushMs?: number): StatusWriter {
    const client = {
      patch: (
        _resource: unknown,
        ref: { name: string },
        _type: string,
        _patch: object,
        options: { signal: AbortSignal },
      ) => patch(ref.name, options.signal),
    };
    const logger = pino({ enabled: false });
    return new StatusWriter({
      client: client as unknown as KubeClient,
      waiting: new WaitingStatuses(folder, logger),
      logger,
      ...(flushMs !== undefined && { flushMs }),
    });
  }

  it('goes on at the end of the agent until what waits is written: nobody else has it', async () => {
    const written: string[] = [];
    const status = writer(async (name, signal) => {
      await setTimeout(10, undefined, { signal });
      written.push(name);
    });
    for (const pod of pods) status.publish(pod, []);
    await status.start(AbortSignal.timeout(5));
    expect(written.toSorted()).to.deep.equal(pods.map(({ name }) => name).toSorted());
  });

  it('tries at the end once more what failed: nobody else will do it at its next turn', async () => {
    let failures = 0;
    const [isAway, ending] = [Promise.withResolvers<void>(), new AbortController()];
    const written: string[] = [];
    const status = writer(name => {
      if (ending.signal.aborted) return Promise.resolve(void written.push(name));
      // Each failure doubles the time to the next try; after these it is half a second at least.
      if (++failures === 5) isAway.resolve();
      return Promise.reject(new Error('the API server is away'));
    }, 100);
    status.publish(pods[0]!, []);
    const ended = status.start(ending.signal);
    await isAway.promise;
    await setImmediate();
    ending.abort();
    await ended;
    expect(written).to.deep.equal(['worker-0']);
  });

  it('ends at once where nothing waits, and soon where the API server does not answer', async () => {
    await writer(() => Promise.resolve()).start(AbortSignal.abort());
    const stuck = writer((_name, signal) => setTimeout(60_000, undefined, { signal }), 50);
    for (const pod of pods) stuck.publish(pod, []);
    await stuck.start(AbortSignal.abort());
  });
});
