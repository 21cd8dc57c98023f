import { expect } from 'chai';
import { KeyedSerial } from './serial.ts';

describe('KeyedSerial', () => {
  it('runs in order for one key, also past failures, and side by side for others', async () => {
    const serial = new KeyedSerial();
    const events: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = serial.run('a', async () => {
      await gate.promise;
      events.push('a1');
      throw new Error('no');
    });
    const second = serial.run('a', () => Promise.resolve(events.push('a2')));
    await serial.run('b', () => Promise.resolve(events.push('b1')));
    expect(events).to.deep.equal(['b1']);
    gate.resolve();
    expect(await first.catch((error: unknown) => (error as Error).message)).to.equal('no');
    await second;
    expect(events).to.deep.equal(['b1', 'a1', 'a2']);
  });
});
