import { expect } from 'chai';
import { budgetMs, within } from '../review/call.ts';
import { Gate } from './gate.ts';

const patient = { remainingMs: () => 60_000 };
const inAHurry = { remainingMs: () => 1 };

/** Works until it is told to end. */
function held() {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { work: () => promise, end: resolve };
}

describe('the gate', () => {
  it('lets so many work and the others wait in order', async () => {
    const gate = new Gate({ concurrency: 2, queue: 10 });
    const order: number[] = [];
    const holds = [held(), held()];
    const first = holds.map(({ work }) => gate.run(patient, work));
    const later = [1, 2, 3].map(n =>
      gate.run(patient, () => {
        order.push(n);
        expect(gate.running).to.be.at.most(2);
        return Promise.resolve(n);
      }),
    );
    expect([gate.running, gate.waiting]).to.deep.equal([2, 3]);
    for (const { end } of holds) end('');
    await Promise.all([...first, ...later]);
    expect(order).to.deep.equal([1, 2, 3]);
    expect([gate.running, gate.waiting]).to.deep.equal([0, 0]);
  });

  it('refuses at once what finds the queue full, and in time what waits in vain', async () => {
    const gate = new Gate({ concurrency: 1, queue: 1 });
    const { work, end } = held();
    const running = gate.run(patient, work);
    const waiting = gate.run(inAHurry, () => Promise.resolve());
    const refused = await gate.run(patient, () => Promise.resolve()).catch(String);
    expect(refused).to.contain('MNN_OVERLOADED: 1 reviews are being worked on and 1 wait');
    expect(await waiting.catch(String)).to.contain('MNN_OVERLOADED: the turn did not come');
    end('done');
    expect(await running).to.equal('done');
    expect(await gate.run(patient, () => Promise.resolve('free'))).to.equal('free');
  });

  it('gives the place on when work fails', async () => {
    const gate = new Gate({ concurrency: 1, queue: 1 });
    const failing = gate.run(patient, () => Promise.reject(new Error('broken')));
    const next = gate.run(patient, () => Promise.resolve('next'));
    expect(await failing.catch(String)).to.equal('Error: broken');
    expect(await next).to.equal('next');
  });
});

describe('the budget of a call', () => {
  it('is what the API server gives, less a margin', () => {
    expect(budgetMs('10s')).to.equal(9_700);
    expect(budgetMs('1.5s')).to.equal(1_200);
    expect(budgetMs('500ms')).to.equal(250);
    expect(budgetMs('30s')).to.equal(29_700);
  });

  it('is never more than Kubernetes lets a configuration say', () => {
    for (const text of ['1m', '9999m', '9'.repeat(400) + 's']) expect(budgetMs(text)).to.equal(29_700);
  });

  it('is that of ten seconds where the API server says nothing that is known', () => {
    for (const text of [undefined, '', 'soon', ['1s']]) expect(budgetMs(text)).to.equal(9_700);
  });

  it('refuses what takes longer', async () => {
    const never = Promise.withResolvers<string>().promise;
    expect(await within(inAHurry, never).catch(String)).to.contain('MNN_DEADLINE');
    expect(await within(patient, Promise.resolve('in time'))).to.equal('in time');
  });
});
