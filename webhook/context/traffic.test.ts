import { expect } from 'chai';
import { Traffic } from './traffic.ts';

describe('the traffic of reviews', () => {
  it('makes events wait while there is much of it, and for the second after that', () => {
    const traffic = new Traffic();
    const paceAt = (seconds: number): number => traffic.eventsPerSecond(seconds * 1000);
    expect(paceAt(100)).to.equal(20);
    for (let i = 0; i < 19; i++) traffic.note(101_000 + 50 * i);
    expect(paceAt(101.95)).to.equal(20);
    traffic.note(101_960);
    expect([101.97, 102.5, 102.999, 103].map(paceAt)).to.deep.equal([4, 4, 4, 20]);
  });

  it('forgets a burst that is long over', () => {
    const traffic = new Traffic();
    for (let i = 0; i < 100; i++) traffic.note(5_000);
    expect(traffic.eventsPerSecond(9_000)).to.equal(20);
    traffic.note(9_500);
    expect(traffic.eventsPerSecond(10_000)).to.equal(20);
  });
});
