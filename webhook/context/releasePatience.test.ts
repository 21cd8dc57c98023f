import { expect } from 'chai';
import { MultiNicError } from '../../core/errors.ts';
import { PoolFullError } from '../../kube/pools/poolFull.ts';
import { callBudget } from '../review/call.ts';
import { ReleasePatience } from './releasePatience.ts';

const full = (network: string): PoolFullError => new PoolFullError(network, `network ${network}: no address is left`);

/** Work that finds the network full so many times; it counts its tries. */
function fullFor(network: string, times: number) {
  const work = {
    tries: 0,
    run: () => (++work.tries > times ? Promise.resolve('granted') : Promise.reject(full(network))),
  };
  return work;
}

describe('the wait for addresses that come back', () => {
  const grant = (patience: ReleasePatience, network: string, run: () => Promise<string>): Promise<unknown> =>
    patience.grant(network, callBudget('5s'), run).catch((error: unknown) => error);

  it('ends with one, and is taken again the next time', async () => {
    const patience = new ReleasePatience();
    for (let round = 0; round < 2; round++) {
      const work = fullFor('net', 2);
      expect(await grant(patience, 'net', work.run)).to.equal('granted');
      expect(work.tries).to.equal(3);
    }
  });

  it('is not taken again soon after it was in vain, but for other networks, and where the network has had room since', async () => {
    const patience = new ReleasePatience();
    const never = fullFor('net', Infinity);
    expect(await grant(patience, 'net', never.run)).to.be.instanceOf(PoolFullError);
    expect(never.tries).to.be.greaterThan(1);
    const refused = fullFor('net', 1);
    expect(await grant(patience, 'net', refused.run)).to.be.instanceOf(PoolFullError);
    expect(refused.tries).to.equal(1);
    expect(await grant(patience, 'other', fullFor('other', 1).run)).to.equal('granted');
    expect(await grant(patience, 'net', refused.run)).to.equal('granted');
    expect(await grant(patience, 'net', fullFor('net', 1).run)).to.equal('granted');
  });

  it('is not for all at once: the others are refused', async () => {
    const patience = new ReleasePatience();
    const crowd = Array.from({ length: 40 }, () => fullFor('net', 1));
    const answers = await Promise.all(crowd.map(({ run }) => grant(patience, 'net', run)));
    expect(answers.filter(answer => answer === 'granted').length).to.equal(32);
    expect(crowd.filter(({ tries }) => tries === 1).length).to.equal(8);
  });

  it('is for an address, too, that a pod asks for while another has it; in vain it says nothing of the others', async () => {
    const patience = new ReleasePatience();
    const taken = () => Promise.reject(new MultiNicError('MNN_ADDRESS_TAKEN', '10.0.0.9'));
    let tries = 0;
    expect(await grant(patience, 'net', () => (++tries > 2 ? Promise.resolve('granted') : taken()))).to.equal(
      'granted',
    );
    expect(await grant(patience, 'net', taken)).to.have.property('code', 'MNN_ADDRESS_TAKEN');
    expect(await grant(patience, 'net', fullFor('net', 1).run)).to.equal('granted');
  });

  it('is for no other reason of a refusal', async () => {
    let tries = 0;
    const refuse = (): Promise<string> => Promise.reject(new MultiNicError('MNN_NODE_LACKS', `try ${++tries}`));
    expect(await grant(new ReleasePatience(), 'net', refuse)).to.have.property('code', 'MNN_NODE_LACKS');
    expect(tries).to.equal(1);
  });
});
