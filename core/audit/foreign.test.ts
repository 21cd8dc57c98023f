import { expect } from 'chai';
import fc from 'fast-check';
import { anySite, kinds, networks, run, site, withPod, withRecord } from '../../test/core/auditedSite.ts';
import { parseCidr } from '../net/cidr.ts';
import type { AuditedPod, AuditFinding } from './types.ts';

describe('audit: missing, foreign and unreadable', () => {
  it('missing: a running pod without a record, or whose record has other addresses', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        expect(kinds(run(withRecord(input, chosen.uid, () => [])))).to.deep.equal(['missing']);
        const released = withRecord(input, chosen.uid, record => [{ ...record, state: 'Released' }]);
        expect(kinds(run(released))).to.deep.equal(['missing']);
        expect(run(withPod(released, { ...chosen, isRunning: false, interfaces: [] }))).to.deep.equal([]);
        const other = withRecord(input, chosen.uid, r => [{ ...r, interface: 'net2' }]);
        expect(kinds(run(other))).to.deep.equal(['missing']);
      }),
    );
  });

  it('finds nothing of a pod that is being deleted, whose addresses others may have before its status says that it has ended', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const released = withRecord(input, chosen.uid, record => [{ ...record, state: 'Released' }]);
        const deleted = { ...chosen, isDeleted: true };
        expect(run(withPod(released, deleted))).to.deep.equal([]);
        expect(run(withPod(released, { ...deleted, attachments: [] }))).to.deep.equal([]);
        const next = { ...chosen, uid: 'next', name: 'next' };
        const [{ pool, record } = {}] = input.pools.flatMap(held =>
          held.allocations.filter(({ podUID }) => podUID === chosen.uid).map(one => ({ pool: held, record: one })),
        );
        const taken = { ...record!, podUID: next.uid, name: next.name };
        const pools = withPod(released, deleted).pools.map(one =>
          one.name === pool?.name ? { ...one, allocations: [...one.allocations, taken] } : one,
        );
        const both = { ...withPod(released, deleted), pools };
        expect(run({ ...both, pods: [...both.pods, next] })).to.deep.equal([]);
      }),
    );
  });

  it('missing: an address that was taken from a pod; foreign: one that was added', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const [first, ...rest] = chosen.interfaces as [AuditedPod['interfaces'][number]];
        const has = (addresses: readonly string[]): AuditFinding[] =>
          run(withPod(input, { ...chosen, interfaces: [{ ...first, addresses }, ...rest], isChanged: true }));
        expect(has(first.addresses)).to.deep.equal([]);
        const [gone, ...more] = has([]);
        expect(more).to.deep.equal([]);
        expect(gone).to.deep.include({ kind: 'missing', objects: [`pod ns/${chosen.name}`, `node ${chosen.node}`] });
        expect(gone?.message)
          .to.match(/^net1 was given /)
          .and.contain(first.addresses[0]?.split('/')[0]);
        expect(kinds(has([...first.addresses, '10.200.63.250']))).to.deep.equal(['foreign']);
      }),
    );
  });

  it('foreign: a record outside of its blocks', () => {
    fc.assert(
      fc.property(anySite, fc.constantFrom('10.210.0.1/18', '10.200.255.1/18', '10.201.2.9/22'), (some, address) => {
        const { input, chosen } = some;
        const nics = [{ netAddress: '172.20.1.0/24', addresses: [address] }];
        const moved = withRecord(input, chosen.uid, record => [{ ...record, nics }]);
        const findings = run(withPod(moved, { ...chosen, attachments: [], interfaces: [] }));
        expect(kinds(findings)).to.deep.equal(['foreign']);
        expect(findings[0]?.message).to.contain(address.split('/')[0]);
      }),
    );
  });

  it('foreign: an address that was excluded while the pod got it', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const { network: name, nics } = chosen.attachments[0]!;
        const [address = ''] = nics[0]!.addresses[0]!.split('/');
        const known = networks.get(name)!;
        const excludes = [{ ...parseCidr(`${address}/32`) }];
        const changed = new Map([...networks, [name, { ...known, network: { ...known.network, excludes } }]]);
        const [finding, ...more] = run({ ...input, networks: changed });
        expect(more).to.deep.equal([]);
        expect(finding).to.deep.include({ kind: 'foreign', network: name });
        expect(finding?.objects[0]).to.equal(`pod ns/${chosen.name}`);
        expect(finding?.message)
          .to.match(/excludeCIDRs.*delete and re-create the pod/)
          .and.contain(address);
      }),
    );
  });

  it('foreign: pools of a network or a node that does not exist', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const { network } = chosen.attachments[0]!;
        const noNetwork = run({ ...input, networks: new Map([...networks].filter(([name]) => name !== network)) });
        expect(kinds(noNetwork)).to.deep.equal(['foreign']);
        const nodes = new Map([...input.nodes].filter(([name]) => name !== chosen.node));
        const noNode = run({ ...input, nodes });
        expect(kinds(noNode)).to.deep.equal(network === 'blocks' || noNode.length > 0 ? ['foreign'] : []);
        if (network === 'blocks') expect(noNode.flatMap(f => f.objects)).to.include(`ippool blocks.${chosen.node}`);
      }),
    );
  });

  it('foreign: an interface that no record explains', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const { network } = chosen.attachments[0]!;
        const extra = { network, interface: 'net9-0', addresses: ['10.210.0.1'] };
        const findings = run(withPod(input, { ...chosen, interfaces: [...chosen.interfaces, extra] }));
        expect(findings).to.have.length(1);
        expect(findings[0]).to.deep.include({ kind: 'foreign', network });
        expect(findings[0]?.objects).to.deep.equal([`pod ns/${chosen.name}`, `node ${chosen.node}`]);
      }),
    );
  });

  it('does not judge the blocks of a network that cannot be read', () => {
    const input = site([{ node: 'n-0', network: 'blocks' }]);
    expect(run({ ...input, networks: new Map([['blocks', undefined]]) })).to.deep.equal([]);
  });

  it('unreadable: a pool with a line that is no record', () => {
    const input = site([{ node: 'n-0', network: 'blocks' }]);
    const pools = input.pools.map(pool => ({ ...pool, unreadable: ['scribble'] }));
    const [finding, ...more] = run({ ...input, pools });
    expect(more).to.deep.equal([]);
    expect(finding).to.deep.include({ kind: 'unreadable', objects: ['ippool blocks.n-0'] });
    expect(finding?.message).to.contain('scribble');
  });
});
