import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { Limit } from './limit.ts';

describe('Limit', () => {
  it('lets so many go on at a time, the others in order as one ends, however it ends', async () => {
    const limit = new Limit(2);
    const started: string[] = [];
    const piece = (name: string): { done: Promise<void>; end: PromiseWithResolvers<void> } => {
      const end = Promise.withResolvers<void>();
      const done = limit.run(() => {
        started.push(name);
        return end.promise;
      });
      return { done, end };
    };
    const [a, b, c, d] = [piece('a'), piece('b'), piece('c'), piece('d')];
    await Promise.resolve();
    expect(started).to.deep.equal(['a', 'b']);
    b.end.reject(new Error('no'));
    expect(await b.done.catch((error: unknown) => (error as Error).message)).to.equal('no');
    await setImmediate();
    expect(started).to.deep.equal(['a', 'b', 'c']);
    a.end.resolve();
    await a.done;
    await setImmediate();
    expect(started).to.deep.equal(['a', 'b', 'c', 'd']);
    c.end.resolve();
    d.end.resolve();
    await Promise.all([c.done, d.done]);
    await limit.run(() => Promise.resolve());
  });

  it('lets one that waits give up, which takes no turn then', async () => {
    const limit = new Limit(1);
    const end = Promise.withResolvers<string>();
    const first = limit.run(() => end.promise);
    const giveUp = new AbortController();
    const second = limit.run(() => Promise.resolve('second'), giveUp.signal).catch((error: unknown) => error);
    const third = limit.run(() => Promise.resolve('third'));
    giveUp.abort('enough');
    expect(await second).to.equal('enough');
    end.resolve('first');
    expect(await Promise.all([first, third])).to.deep.equal(['first', 'third']);
  });
});
