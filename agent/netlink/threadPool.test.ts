import { expect } from 'chai';
import { threadPoolSize } from './threadPool.ts';

describe('threads of the pool', () => {
  for (const [variable, threads] of [
    [undefined, 4],
    ['8', 8],
    ['0', 1],
    ['', 1],
    ['many', 1],
    ['99999', 1024],
  ] as const) {
    it(`are ${threads} where UV_THREADPOOL_SIZE is ${variable === undefined ? 'not set' : `"${variable}"`}`, () => {
      expect(threadPoolSize(variable)).to.equal(threads);
    });
  }
});
