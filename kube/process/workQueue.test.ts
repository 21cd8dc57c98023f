import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import pino from 'pino';
import { ApiError } from '../api/errors.ts';
import { WorkQueue, type WorkQueueOptions } from './workQueue.ts';

type Handler = WorkQueueOptions['handler'];

describe('WorkQueue', () => {
  let stopping: AbortController;
  const ended: Promise<void>[] = [];

  function start(queue: WorkQueue): void {
    ended.push(queue.start(stopping.signal));
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await Promise.all(ended.splice(0));
  }

  function startQueue(handler: Handler, options: Partial<WorkQueueOptions> = {}): WorkQueue {
    const queue = new WorkQueue({ name: 'test', handler, logger: pino({ enabled: false }), ...options });
    start(queue);
    return queue;
  }

  beforeEach(() => {
    stopping = new AbortController();
  });

  afterEach(stop);

  it('works once on a key that is added several times while it waits', async () => {
    const worked: string[] = [];
    const done = Promise.withResolvers<void>();
    const queue = new WorkQueue({
      name: 'test',
      logger: pino({ enabled: false }),
      handler: key => {
        worked.push(key);
        if (key === 'last') done.resolve();
        return Promise.resolve();
      },
    });
    for (const key of ['a', 'b', 'a', 'a', 'last']) queue.add(key);
    expect(queue.depth).to.equal(3);
    start(queue);
    await done.promise;
    expect(worked).to.deep.equal(['a', 'b', 'last']);
  });

  it('works once more, and not at the same time, on a key that is added while it is worked on', async () => {
    let active = 0;
    let most = 0;
    let runs = 0;
    const second = Promise.withResolvers<void>();
    const queue = startQueue(
      async key => {
        most = Math.max(most, ++active);
        if (++runs === 1) for (let i = 0; i < 3; i++) queue.add(key);
        await sleep(5);
        active--;
        if (runs === 2) second.resolve();
      },
      { concurrency: 4 },
    );
    queue.add('a');
    await second.promise;
    await stop();
    expect({ runs, most }).to.deep.equal({ runs: 2, most: 1 });
  });

  it('works on as many different keys at once as it may, and no more', async () => {
    let active = 0;
    let most = 0;
    let left = 12;
    const all = Promise.withResolvers<void>();
    const queue = startQueue(
      async () => {
        most = Math.max(most, ++active);
        await sleep(2);
        active--;
        if (--left === 0) all.resolve();
      },
      { concurrency: 3 },
    );
    for (let i = 0; i < 12; i++) queue.add(`key-${i}`);
    await all.promise;
    expect(most).to.equal(3);
  });

  it('tries a key again that failed, logs it, and lets other keys pass', async () => {
    const lines: string[] = [];
    const outcomes: string[] = [];
    const order: string[] = [];
    const done = Promise.withResolvers<void>();
    const queue = startQueue(
      key => {
        order.push(key);
        if (key === 'bad' && order.filter(each => each === 'bad').length < 3) throw new Error('not yet');
        if (key === 'bad') done.resolve();
        return Promise.resolve();
      },
      {
        logger: pino({}, { write: (line: string) => void lines.push(line) }),
        backoff: { minMs: 1, maxMs: 4 },
        observer: { handled: (_, outcome) => void outcomes.push(outcome) },
      },
    );
    queue.add('bad');
    queue.add('good');
    await done.promise;
    await stop();
    expect(order).to.deep.equal(['bad', 'good', 'bad', 'bad']);
    expect(outcomes).to.deep.equal(['error', 'success', 'error', 'success']);
    expect(lines.map(line => (JSON.parse(line) as { key: string }).key)).to.deep.equal(['bad', 'bad']);
  });

  it('handles a key again when the handler asks for it', async () => {
    let runs = 0;
    const done = Promise.withResolvers<void>();
    const queue = startQueue(() => {
      if (++runs === 3) done.resolve();
      return Promise.resolve(runs < 3 ? { requeueAfterMs: 1 } : undefined);
    });
    queue.add('a');
    await done.promise;
    expect(runs).to.equal(3);
  });

  it('counts the shorter of two delays, and forgets a delay when the key is added outright', async () => {
    let runs = 0;
    const queue = startQueue(() => {
      runs++;
      return Promise.resolve();
    });
    queue.addAfter('a', 60_000);
    queue.addAfter('a', 5);
    queue.addAfter('a', 60_000);
    queue.addAfter('b', 5);
    queue.add('b');
    await sleep(50);
    expect(runs).to.equal(2);
  });

  it('says that work failed, but not of each object that somebody else wrote first', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'info' }, { write: line => lines.push(line) });
    const done = Promise.withResolvers<void>();
    const errors = [
      new ApiError(409, { reason: 'AlreadyExists' }, 'POST'),
      new ApiError(409, { reason: 'Conflict' }, 'PUT'),
      new ApiError(403, { reason: 'Forbidden' }, 'PUT'),
      // Not made by somebody faster, but there all the time: what looks for it does not see it.
      new ApiError(409, { reason: 'AlreadyExists' }, 'POST'),
    ];
    const handler = (): Promise<void> => {
      const error = errors.shift();
      if (error) return Promise.reject(error);
      done.resolve();
      return done.promise;
    };
    startQueue(handler, { logger, backoff: { minMs: 1, maxMs: 1 } }).add('a');
    await done.promise;
    expect(lines.map(line => (JSON.parse(line) as { err: { status: number } }).err.status)).to.deep.equal([403, 409]);
  });

  it('stops: signals the running handler, waits for it, drops the rest', async () => {
    const worked: string[] = [];
    const started = Promise.withResolvers<void>();
    const queue = startQueue(async (key, signal) => {
      started.resolve();
      await new Promise(resolve => signal.addEventListener('abort', resolve));
      await sleep(5);
      worked.push(key);
    });
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 1);
    await started.promise;
    await stop();
    queue.add('d');
    await sleep(10);
    expect(worked).to.deep.equal(['a']);
    expect(queue.depth).to.equal(0);
  });
});
