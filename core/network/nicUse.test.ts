import { expect } from 'chai';
import { nicConflict, nicUse } from './nicUse.ts';

describe('how networks use the NICs of a host', () => {
  it('follows from type, args.mode and vlanMode', () => {
    expect(nicUse({ type: 'ipvlan' }, '')).to.deep.equal({ kind: 'ipvlan', mode: 'l2' });
    expect(nicUse({ type: 'ipvlan', args: { mode: '' } }, 'l3')).to.deep.equal({ kind: 'ipvlan', mode: 'l3' });
    expect(nicUse({ type: 'aws-ipvlan', args: { mode: 'l3s' } }, 'l3')).to.deep.equal({ kind: 'ipvlan', mode: 'l3s' });
    expect(nicUse({ type: 'macvlan' }, 'l2')).to.deep.equal({ kind: 'macvlan', mode: 'bridge' });
    for (const type of ['ptp', 'sriov', 'host-device']) expect(nicUse({ type }, 'l3')).to.equal(undefined);
  });

  it('excludes other kinds, other ipvlan modes, and anything beside macvlan passthru', () => {
    const uses = [
      ...['l2', 'l3', 'l3s'].map(mode => ({ kind: 'ipvlan', mode }) as const),
      ...['bridge', 'private', 'vepa', 'passthru'].map(mode => ({ kind: 'macvlan', mode }) as const),
    ];
    const together = uses.flatMap(one =>
      uses.filter(other => nicConflict(one, other) === undefined).map(other => `${one.kind} ${one.mode}+${other.mode}`),
    );
    expect(together).to.deep.equal([
      ...['l2+l2', 'l3+l3', 'l3s+l3s'].map(pair => `ipvlan ${pair}`),
      ...['bridge+bridge', 'bridge+private', 'bridge+vepa'].map(pair => `macvlan ${pair}`),
      ...['private+bridge', 'private+private', 'private+vepa'].map(pair => `macvlan ${pair}`),
      ...['vepa+bridge', 'vepa+private', 'vepa+vepa'].map(pair => `macvlan ${pair}`),
    ]);
    expect(nicConflict({ kind: 'ipvlan', mode: 'l2' }, { kind: 'ipvlan', mode: 'l3' })).to.contain('one mode only');
    expect(nicConflict({ kind: 'ipvlan', mode: 'l2' }, { kind: 'macvlan', mode: 'bridge' })).to.contain('either');
  });
});
