import { expect } from 'chai';
import fc from 'fast-check';
import { anySite, at, kinds, run, site, without, withPod, withRecord } from '../../test/core/auditedSite.ts';

describe('audit: leaks', () => {
  it('leak: the record of a pod that is gone, after the grace, and while its node is ready', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const gone = without(input, chosen.uid);
        expect(run(gone, 60)).to.deep.equal([]);
        const [finding, ...more] = run(gone, 61);
        expect(more).to.deep.equal([]);
        expect(kinds(run(gone, -61)), 'dated in the future').to.deep.equal(['leak']);
        expect(finding).to.deep.include({ kind: 'leak', network: chosen.attachments[0]!.network });
        expect(finding?.objects[0]).to.equal(`pod ns/${chosen.name}`);
        const cutOff = { ...gone, nodes: new Map([...gone.nodes.keys()].map(name => [name, false])) };
        const isPages = chosen.attachments[0]!.network === 'pages';
        expect(kinds(run(cutOff))).to.deep.equal(isPages ? ['leak'] : []);
      }),
    );
  });

  it('leak: a finished pod, so long after its end, and a pod that was re-created under the same name', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const finished = withPod(input, { ...chosen, isRunning: false, endedAt: at(1000) });
        expect(run(finished, 1060)).to.deep.equal([]);
        expect(kinds(run(finished, 1061))).to.deep.equal(['leak']);
        const successor = { ...chosen, uid: 'new', isRunning: false, attachments: [], interfaces: [] };
        expect(kinds(run({ ...input, pods: [...without(input, chosen.uid).pods, successor] }))).to.deep.equal(['leak']);
      }),
    );
  });

  it('leak: what a pod holds of another node than its own', () => {
    const input = site([{ node: 'n-0', network: 'blocks' }]);
    const moved = { ...input.pods[0]!, node: 'n-1' };
    expect(run(withPod(input, moved), 60)).to.deep.equal([]);
    expect(kinds(run(withPod(input, moved), 61))).to.deep.equal(['leak']);
    const cutOff = new Map([...input.nodes, ['n-0', false] as const]);
    expect(run({ ...withPod(input, moved), nodes: cutOff }, 61)).to.deep.equal([]);
  });

  it('leak: a reservation that is overdue, and none whose pod may still come', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const reserved = withRecord(input, chosen.uid, record => [
          { ...record, podUID: '', reservation: 'r-1', state: 'Reserved' },
        ]);
        const arriving = withPod(reserved, { ...chosen, reservation: 'r-1' });
        for (const some of [without(reserved, chosen.uid), arriving]) {
          expect(run(some, 120)).to.deep.equal([]);
          expect(kinds(run(some, 121))).to.deep.equal(['leak']);
        }
      }),
    );
  });
});
