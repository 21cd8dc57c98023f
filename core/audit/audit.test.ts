import { expect } from 'chai';
import fc from 'fast-check';
import { anySite, at, rules, run, site, wantedPods, without, withRecord } from '../../test/core/auditedSite.ts';
import { audit, auditPools, confirmed } from './audit.ts';
import { PageRecords } from './pageRecords.ts';
import type { AuditFinding, AuditInput } from './types.ts';

/** As of a cluster too large to be seen at once. */
function inParts(input: AuditInput): AuditFinding[] {
  const rules_ = { ...rules, now: at(3600) };
  const pages = new PageRecords();
  const shared = input.pools.filter(({ spec }) => spec.page !== undefined);
  for (const pool of shared) pages.add(pool);
  const parts = ['n-0', 'n-1'].flatMap(node => {
    const pods = input.pods.filter(pod => pod.node === node);
    const own = input.pools.filter(({ spec }) => spec.hostName === node);
    return audit({ ...input, pods, pools: [...own, ...pages.take(pods)] }, rules_);
  });
  const rest = audit({ ...input, pods: [], pools: pages.rest() }, rules_);
  return [...auditPools({ ...input, pools: shared }), ...parts, ...rest];
}

describe('audit', () => {
  it('finds nothing where all agree', () => {
    fc.assert(
      fc.property(wantedPods, wanted => {
        expect(run(site(wanted))).to.deep.equal([]);
      }),
    );
  });

  it('finds nothing in a pod that was released and whose address rests', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const released = withRecord(input, chosen.uid, record => [{ ...record, state: 'Released' }]);
        expect(run(without(released, chosen.uid))).to.deep.equal([]);
      }),
    );
  });

  it('comes to the same node by node, as far as each finding is of one node', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        for (const some of [input, without(input, chosen.uid), withRecord(input, chosen.uid, () => [])]) {
          expect(inParts(some)).to.have.deep.members(run(some));
        }
      }),
    );
  });

  it('only what two readings find counts', () => {
    const input = site([{ node: 'n-0', network: 'blocks' }]);
    const gone = run(without(input, 'uid-0'));
    expect(confirmed(gone, run(input))).to.deep.equal([]);
    expect(confirmed(run(input), gone)).to.deep.equal([]);
    expect(confirmed(gone, gone)).to.deep.equal(gone);
  });
});
