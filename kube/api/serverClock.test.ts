import { expect } from 'chai';
import { ServerClock } from './serverClock.ts';

describe('the API server’s clock', () => {
  it('is what its answers say, and goes on from there', async () => {
    const clock = new ServerClock();
    clock.hear('Thu, 01 Jan 2032 00:00:00 GMT');
    const first = clock.now().getTime();
    expect(first).to.be.at.least(Date.UTC(2032, 0, 1));
    while (clock.now().getTime() <= first) await new Promise(setImmediate);
    clock.hear('Thu, 01 Jan 1998 00:00:00 GMT');
    expect(clock.now().getUTCFullYear()).to.equal(1998);
  });

  it('is ours where no answer said anything', () => {
    const clock = new ServerClock();
    for (const date of [undefined, 'soon']) {
      clock.hear(date);
      expect(clock.now().getUTCFullYear()).to.equal(new Date().getUTCFullYear());
    }
  });
});
