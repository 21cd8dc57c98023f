import { expect } from 'chai';
import { Demand } from './demand.ts';

describe('how many pods alike are expected', () => {
  const after = (times: readonly number[], now: number, most = 64): number => {
    const demand = new Demand(most);
    for (const at of times) demand.note(at);
    return demand.expected(now, 2);
  };
  const every = (ms: number, count: number): number[] => Array.from({ length: count }, (_, i) => i * ms);

  it('is none after a single one, or when the last second had none', () => {
    expect(after([], 0)).to.equal(0);
    expect(after([0], 0)).to.equal(0);
    expect(after([0, 10], 1500)).to.equal(0);
  });

  it('is what half a second brings at the present rate', () => {
    expect(after(every(100, 10), 1000)).to.equal(5);
    expect(after(every(20, 50), 1000)).to.equal(25);
    // Of those long ago nothing is expected.
    expect(after([...every(1, 30), 5000, 5500], 5900)).to.equal(2);
  });

  it('is known early in a burst, and not more than if its first ones had come in a tenth of a second', () => {
    expect(after([0, 0], 0)).to.equal(10);
    expect(after([0, 5, 10], 10)).to.equal(15);
  });

  it('is never more than the most', () => {
    expect(after(every(1, 500), 500, 64)).to.equal(64);
    expect(after([0, 0], 0, 0)).to.equal(0);
  });
});
