import { expect } from 'chai';
import fc from 'fast-check';
import { apiVersion } from '../api/names.ts';
import type { IPPool } from '../api/types.ts';
import { parseCidr } from '../net/cidr.ts';
import { allocate, type Claim } from './allocate.ts';
import { emptyPool, formatPool, type PoolContent, readPool } from './content.ts';
import { nextFree } from './freeAddress.ts';
import { confirm } from './holder.ts';
import { nodePoolName, pagePoolName } from './name.ts';
import { attachmentsIn, release } from './resting.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number) => ({ now: new Date(start + seconds * 1000), coolDownMs: 60_000 });

function claim(
  podUID: string,
  options: Partial<Claim> & { pods?: string[]; wanted?: string[]; ifname?: string } = {},
): Claim {
  const pods = options.pods ?? ['10.200.0.0/28'];
  return {
    claimant: { podUID, namespace: 'ns', name: `pod-${podUID}`, interface: options.ifname ?? 'net1' },
    nics: pods.map((pod, i) => ({
      master: `eth${i + 1}`,
      netAddress: `172.20.${i}.0/24`,
      blocks: [{ vlan: parseCidr('10.200.0.0/19'), pod: parseCidr(pod), excludes: [] }],
      ...(options.wanted ? { wanted: options.wanted } : {}),
    })),
    ...(options.page === undefined ? {} : { page: options.page }),
  };
}

/** As an API server has it. */
function poolOf(content: PoolContent): IPPool {
  const spec = { network: 'n', blocks: [] };
  return { apiVersion, kind: 'IPPool', metadata: { name: 'n.page.0' }, spec, status: formatPool(content) };
}

function granted(before: PoolContent, c: Claim, seconds = 0): { content: PoolContent; addresses: string[] } {
  const grant = allocate(before, c, at(seconds));
  if (!grant.ok) throw new Error(`refused: ${JSON.stringify(grant)}`);
  return { content: grant.content ?? before, addresses: grant.allocation.nics.flatMap(n => n.addresses) };
}

describe('allocation', () => {
  it("takes one address per NIC, with the vlanCIDR's prefix length", () => {
    const { addresses } = granted(emptyPool, claim('a', { pods: ['10.200.0.0/26', '10.200.32.0/26'] }));
    expect(addresses).to.deep.equal(['10.200.0.1/19', '10.200.32.1/19']);
  });

  it('gives the same attachment the same addresses, and changes nothing', () => {
    const first = granted(emptyPool, claim('a'));
    const again = allocate(first.content, claim('a'), at(5));
    expect(again).to.include({ ok: true, content: undefined });
    expect(granted(first.content, claim('a')).addresses).to.deep.equal(first.addresses);
  });

  it('keeps two attachments of one pod apart', () => {
    const first = granted(emptyPool, claim('a'));
    const second = granted(first.content, claim('a', { ifname: 'net2' }));
    expect(second.addresses).to.deep.equal(['10.200.0.2/19']);
    expect(formatPool(second.content).used).to.equal(2);
  });

  it('is all or none', () => {
    const full = granted(emptyPool, claim('a', { pods: ['10.200.32.0/30'] }));
    const fuller = granted(full.content, claim('b', { pods: ['10.200.32.0/30'] }));
    const grant = allocate(fuller.content, claim('c', { pods: ['10.200.0.0/26', '10.200.32.0/30'] }), at(0));
    expect(grant).to.deep.equal({ ok: false, reason: 'full', block: '10.200.32.0/30' });
  });

  it('lets a released address rest, unless nothing else is left', () => {
    const a = granted(emptyPool, claim('a', { pods: ['10.200.0.0/29'] }));
    const freed = release(a.content, r => r.podUID === 'a', at(1))!;
    expect(formatPool(freed).used).to.equal(0);
    let content = freed;
    const taken: string[] = [];
    for (const uid of ['b', 'c', 'd', 'e', 'f', 'g']) {
      const next = granted(content, claim(uid, { pods: ['10.200.0.0/29'] }), 2);
      content = next.content;
      taken.push(...next.addresses);
    }
    expect(taken.at(-1)).to.equal('10.200.0.1/19');
    expect(new Set(taken).size).to.equal(6);
    expect(content.allocations.filter(r => r.state === 'Released')).to.deep.equal([]);
    expect(allocate(content, claim('h', { pods: ['10.200.0.0/29'] }), at(2)).ok).to.equal(false);
  });

  it('reuses freed addresses last', () => {
    let content = granted(emptyPool, claim('a')).content;
    content = release(content, r => r.podUID === 'a', at(1))!;
    expect(granted(content, claim('b'), 3600).addresses).to.deep.equal(['10.200.0.2/19']);
  });

  it('lets addresses that are released together rest in one record, each until it is given again', () => {
    let content = emptyPool;
    const pods = ['10.200.0.0/29', '10.200.32.0/29'];
    for (const uid of ['a', 'b', 'c', 'd', 'e', 'f']) content = granted(content, claim(uid, { pods })).content;
    content = release(content, r => r.podUID !== 'f', at(1))!;
    expect(formatPool(content).allocations.filter(text => text.startsWith('Released'))).to.deep.equal([
      'Released */* * @172.20.0.0/24=10.200.0.1/19,10.200.0.2/19,10.200.0.3/19,10.200.0.4/19,10.200.0.5/19 ' +
        '@172.20.1.0/24=10.200.32.1/19,10.200.32.2/19,10.200.32.3/19,10.200.32.4/19,10.200.32.5/19 ' +
        'since=2026-01-01T00:00:01.000Z',
    ]);
    expect(attachmentsIn(content.allocations)).to.equal(6);
    for (const [taken, uid] of [...'ghijk'].entries()) {
      const left = 4 - taken;
      content = granted(readPool(poolOf(content)), claim(uid, { pods }), 2).content;
      const rest = content.allocations.filter(r => r.state === 'Released');
      expect(rest.flatMap(r => r.nics.map(n => n.addresses.length))).to.deep.equal(left > 0 ? [left, left] : []);
      expect(attachmentsIn(content.allocations)).to.equal(6);
    }
    expect(allocate(content, claim('l', { pods }), at(2)).ok).to.equal(false);
    const freed = release(
      release(content, r => r.podUID === 'g', at(3))!,
      () => false,
      at(62),
    );
    expect(freed).to.equal(undefined);
    expect(release(content, r => r.podUID === 'g', at(3))?.allocations.at(-1)).to.deep.include({ name: 'pod-g' });
  });

  it('counts a pod that calls itself as several do for one', () => {
    const nobody = { podUID: '', namespace: 'ns', name: '*', interface: 'net1', nics: [], since: '' };
    expect(attachmentsIn([{ ...nobody, state: 'Reserved' }])).to.equal(1);
  });

  it('grants an address that is asked for, and says why not', () => {
    const wanted = granted(emptyPool, claim('a', { wanted: ['10.200.0.9'] }));
    expect(wanted.addresses).to.deep.equal(['10.200.0.9/19']);
    expect(allocate(wanted.content, claim('b', { wanted: ['10.200.0.9/19'] }), at(0))).to.deep.include({
      reason: 'taken',
    });
    for (const outside of ['10.200.0.200', '10.200.0.0', '10.200.0.15']) {
      expect(allocate(wanted.content, claim('b', { wanted: [outside] }), at(0))).to.deep.include({ reason: 'outside' });
    }
  });

  it('takes from one page only', () => {
    const block = { pods: ['10.0.0.0/20'] };
    expect(granted(emptyPool, claim('a', { ...block, page: 1 })).addresses).to.deep.equal(['10.0.1.0/19']);
    expect(granted(emptyPool, claim('a', { ...block, page: 0 })).addresses).to.deep.equal(['10.0.0.1/19']);
  });

  it('grants no address of another page, which others may have been given', () => {
    const asking = claim('a', { pods: ['10.0.0.0/20', '10.0.16.0/20'], page: 0 });
    const nics = asking.nics.map((nic, i) => ({ ...nic, wanted: [['10.0.0.9'], ['10.0.18.9']][i]! }));
    const grant = allocate(emptyPool, { ...asking, nics }, at(0));
    expect(grant).to.deep.equal({ ok: false, reason: 'otherPage', address: '10.0.18.9', block: '10.0.16.0/20' });
  });

  it('turns a reservation into an allocation, once, and only in its namespace', () => {
    const reserved: Claim = { ...claim(''), claimant: { ...claim('').claimant, reservation: 'r1' } };
    const { content } = granted(emptyPool, reserved);
    expect(content.allocations[0]?.state).to.equal('Reserved');
    const pod = { uid: 'u', name: 'p', namespace: 'ns', reservation: 'r1' };
    expect(confirm(content, { ...pod, namespace: 'other' }, new Date(start))).to.equal(undefined);
    const confirmed = confirm(content, pod, new Date(start))!;
    expect(confirmed.allocations[0]).to.deep.include({ podUID: 'u', name: 'p', state: 'Allocated' });
    expect(confirm(confirmed, { ...pod, uid: 'x' }, new Date(start))).to.equal(undefined);
    const again: Claim = { ...claim('u'), claimant: { ...claim('u').claimant } };
    expect(allocate(confirmed, again, at(0))).to.include({ ok: true, content: undefined });
  });

  it('releases what a reservation has for interfaces that the pod did not come to have', () => {
    const reserve = (before: PoolContent, ifname: string): PoolContent => {
      const claimant = { ...claim('').claimant, reservation: 'r1', interface: ifname };
      return granted(before, { ...claim(''), claimant }).content;
    };
    // Between the two another webhook has put an element before ours.
    const content = reserve(reserve(emptyPool, 'net1'), 'net2');
    const pod = { uid: 'u', name: 'p', namespace: 'ns', reservation: 'r1', interfaces: ['net2'] };
    const confirmed = confirm(content, pod, new Date(start))!;
    expect(confirmed.allocations.map(r => [r.interface, r.state, r.podUID])).to.deep.equal([
      ['net1', 'Released', ''],
      ['net2', 'Allocated', 'u'],
    ]);
  });

  it('never gives one address to two, in any history', () => {
    const step = fc.record({ uid: fc.nat(30).map(String), free: fc.boolean(), seconds: fc.nat(120) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), steps => {
        let content = emptyPool;
        let clock = 0;
        for (const { uid, free, seconds } of steps) {
          clock += seconds;
          if (free) content = release(content, r => r.podUID === uid, at(clock)) ?? content;
          else {
            const grant = allocate(content, claim(uid, { pods: ['10.200.0.0/28', '10.200.1.0/27'] }), at(clock));
            if (grant.ok) content = grant.content ?? content;
            else expect(formatPool(content).used).to.equal(14);
          }
          const live = content.allocations.filter(r => r.state !== 'Released');
          const addresses = live.flatMap(r => r.nics.flatMap(n => n.addresses));
          expect(new Set(addresses).size).to.equal(addresses.length);
          expect(live.length).to.equal(formatPool(content).used);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('nextFree', () => {
  it('skips a large exclude at once', () => {
    const block = parseCidr('10.0.0.0/8');
    const range = { block, excludes: [parseCidr('10.0.0.0/9')] };
    expect(nextFree(range, () => false, undefined)).to.equal(parseCidr('10.128.0.0/9').base);
  });

  it('finds the last free address of a block', () => {
    const block = parseCidr('10.0.0.0/24');
    const free = block.base + 7n;
    expect(nextFree({ block, excludes: [] }, v => v !== free, block.base + 200n)).to.equal(free);
  });
});

describe('pool names', () => {
  it('are the network and the node, and stay legal and distinct', () => {
    expect(nodePoolName('train-net', 'gpu-07')).to.equal('train-net.gpu-07');
    expect(pagePoolName('train-net', 3)).to.equal('train-net.page.3');
    expect(nodePoolName('train-net', 'page.3')).to.not.equal(pagePoolName('train-net', 3));
    const long = nodePoolName('n'.repeat(63), `${'a'.repeat(200)}.example`);
    expect(long.length).to.be.at.most(253);
    expect(long).to.not.equal(nodePoolName('n'.repeat(63), `${'a'.repeat(200)}.examplf`));
  });
});
