import { expect } from 'chai';
import type { ProbedNic } from './peers.ts';
import { afterRound, nextPeers, peersCondition, type Reachability, unknown } from './reachability.ts';

const hosts = Array.from({ length: 12 }, (_, i) => `h${i}`);
const probed = (nic: string, count = hosts.length): ProbedNic => ({
  nic,
  subnet: '172.20.1.0/24',
  peers: hosts.slice(0, count).map((host, i) => ({ host, address: `172.20.1.${i + 1}` })),
});

/** The states after rounds with so many answers each, as the probe asks. */
function after(answers: readonly number[], from: Reachability = unknown, nic = probed('eth1')): Reachability {
  return answers.reduce(
    (state, count) =>
      afterRound(
        state,
        nextPeers(nic, state).map(({ host }) => host),
        count,
      ),
    from,
  );
}

describe('reachability of a NIC', () => {
  it('is known with the first answer, or after three silent rounds', () => {
    expect(after([0, 0]).reachable).to.equal(undefined);
    expect(after([0, 0, 0]).reachable).to.equal(false);
    expect(after([0, 0, 1]).reachable).to.equal(true);
  });

  it('ends with three silent rounds in a row, and is back with one answer', () => {
    expect(after([3, 0, 0]).reachable).to.equal(true);
    expect(after([3, 0, 0, 1, 0, 0]).reachable).to.equal(true);
    const lost = after([3, 0, 0, 0]);
    expect(lost.reachable).to.equal(false);
    expect(after([0, 0], lost).reachable).to.equal(false);
    expect(afterRound(lost, ['another'], 0).silent).to.deep.equal(lost.silent);
    expect(after([1], lost)).to.deep.equal({ reachable: true, silentRounds: 0, turn: 3, silent: [] });
  });

  it('is asked of others after each silent round', () => {
    const asked = (state: Reachability): string =>
      nextPeers(probed('eth1'), state)
        .map(({ host }) => host)
        .join();
    expect(asked(unknown)).to.equal('h0,h1,h2');
    expect(asked(after([0]))).to.equal('h3,h4,h5');
    expect(asked(after([0, 0]))).to.equal('h6,h7,h8');
    expect(asked(after([0, 0, 0]))).to.equal('h9,h10,h11');
    expect(asked(after([0, 0, 0, 0]))).to.equal('h0,h1,h2');
  });

  it('is asked of those that have answered, and so does not come and go where no others do', () => {
    const answering = new Set(['h10']);
    let state = unknown;
    const seen: (boolean | undefined)[] = [];
    for (let round = 0; round < 12; round += 1) {
      const asked = nextPeers(probed('eth1'), state).map(({ host }) => host);
      state = afterRound(state, asked, asked.filter(host => answering.has(host)).length);
      seen.push(state.reachable);
    }
    expect(seen).to.deep.equal([undefined, undefined, false, ...Array.from({ length: 9 }, () => true)]);
  });

  it('asks no host twice if there are few', () => {
    for (const silent of [[], [0], [0, 0]]) {
      expect(nextPeers(probed('eth1', 1), after(silent)).map(({ host }) => host)).to.deep.equal(['h0']);
      expect(nextPeers(probed('eth1', 2), after(silent)).map(({ host }) => host)).to.have.members(['h0', 'h1']);
      expect(new Set(nextPeers(probed('eth1', 4), after(silent)))).to.have.length(3);
    }
  });
});

describe('the condition PeersReachable', () => {
  const condition = (states: Record<string, Reachability>) =>
    peersCondition(Object.entries(states).map(([nic, state]) => ({ probed: probed(nic), state })));

  it('is True where every NIC gets answers', () => {
    expect(condition({ eth1: after([1]), eth2: after([0, 0, 0, 2]) })).to.include({ status: 'True' });
  });

  it('names the NICs that get none, and who was asked', () => {
    expect(condition({ eth1: after([1]), eth2: after([0, 0, 0]) })).to.deep.equal({
      type: 'PeersReachable',
      status: 'False',
      reason: 'NoAnswer',
      message: 'eth2 gets no answer in 172.20.1.0/24 from h0, h1, h2, h3, h4 and 4 more',
    });
  });

  it('says the same as long as nothing flips, so that nothing is written', () => {
    const lost = after([0, 0, 0]);
    const said = condition({ eth1: after([1]), eth2: lost });
    expect(condition({ eth1: after([1, 0, 0]), eth2: after([0, 0, 0, 0], lost) })).to.deep.equal(said);
    expect(condition({ eth1: after([1]) })).to.deep.equal(condition({ eth1: after([1, 0, 0]) }));
  });

  it('waits after a start until all is known, but not with bad news', () => {
    expect(condition({ eth1: after([1]), eth2: after([0]) })).to.equal(undefined);
    expect(condition({ eth1: after([0, 0, 0]), eth2: after([0]) })).to.include({ status: 'False' });
  });

  it('is Unknown if there is no host to ask', () => {
    expect(peersCondition([])).to.include({ status: 'Unknown', reason: 'NoPeers' });
  });

  it('stays short with many NICs', () => {
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`eth${i}`, after([0, 0, 0])]));
    expect(condition(many)?.message).to.match(/eth7 gets .*; and 12 more$/);
  });
});
