import { expect } from 'chai';
import fc from 'fast-check';
import { apiVersion } from '../api/names.ts';
import type { Allocation } from '../api/types.ts';
import { parseCidr } from '../net/cidr.ts';
import { readNetwork } from '../network/network.ts';
import { allocate } from '../pool/allocate.ts';
import { claimsAnywhere, claimsOnNode } from '../pool/claim.ts';
import { emptyPool, type PoolContent } from '../pool/content.ts';
import { AddressUsers } from './addressUsers.ts';
import { audit, auditPools, confirmed, countKinds } from './audit.ts';
import { PageRecords } from './pageRecords.ts';
import type { AuditedNetwork, AuditedPod, AuditedPool, AuditFinding, AuditInput } from './types.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number) => new Date(start + seconds * 1000);
const rules = { graceMs: 60_000, reservationMs: 60_000 };

const interfaces = [1, 2].map(n => ({ index: n - 1, netAddress: `172.20.${n}.0/24`, ordinal: 0 }));
const hostIndexes = new Map([
  ['n-0', 0],
  ['n-1', 1],
]);

function networkOf(name: string, subnet: string, hostBlock: number): AuditedNetwork {
  const ipam = JSON.stringify({ type: 'multi-nic-ipam', hostBlock, interfaceBlock: 2 });
  const plugin = { cniVersion: '1.0.0', type: 'macvlan' };
  const object = { apiVersion, kind: 'MultiNicNetwork', metadata: { name }, spec: { subnet, ipam, plugin } };
  return { network: readNetwork(object), interfaces, hostIndexes };
}

const networks = new Map([
  ['blocks', networkOf('blocks', '10.200.0.0/16', 6)],
  ['pages', networkOf('pages', '10.201.0.0/20', 0)],
]);

/** What admission makes of pods at second 0: each given by its node and its network. Everything agrees. */
function site(wanted: readonly { node: string; network: string }[]): AuditInput {
  const contents = new Map<string, { pool: Omit<AuditedPool, 'allocations'>; content: PoolContent }>();
  const pods = wanted.map(({ node, network }, i): AuditedPod => {
    const known = networks.get(network)!;
    const nics = interfaces.map(({ netAddress }, n) => ({ interfaceName: `eth${n + 1}`, netAddress }));
    const state = { name: node, host: { hostName: node, interfaces: nics }, hostIndex: hostIndexes.get(node) };
    const claims = claimsAnywhere(known, {}) ?? claimsOnNode(known, state, { request: {} }).nics;
    const isPage = known.network.nodeIndependent;
    const name = isPage ? `${network}.page.0` : `${network}.${node}`;
    const spec = isPage ? { network, page: 0, blocks: [] } : { network, hostName: node, blocks: [] };
    const before = contents.get(name) ?? { pool: { name, spec, unreadable: [] }, content: emptyPool };
    const claimant = { podUID: `uid-${i}`, namespace: 'ns', name: `p-${i}`, interface: 'net1' };
    const claim = { claimant, nics: claims, ...(isPage && { page: 0 }) };
    const grant = allocate(before.content, claim, { now: at(0), coolDownMs: 60_000 });
    if (!grant.ok || !grant.content) throw new Error('no address for a pod of the test');
    contents.set(name, { ...before, content: grant.content });
    const links = grant.allocation.nics.map(({ addresses }, n) => ({ network, interface: `net1-${n}`, addresses }));
    return {
      uid: claimant.podUID,
      namespace: 'ns',
      name: claimant.name,
      node,
      isRunning: true,
      attachments: [{ network, interface: 'net1', nics: grant.allocation.nics }],
      macs: [],
      interfaces: links,
    };
  });
  const pools = [...contents.values()].map(({ pool, content }) => ({ ...pool, allocations: content.allocations }));
  return { pods, pools, networks, nodes: new Map([...hostIndexes.keys()].map(name => [name, true])) };
}

const wantedPods = fc.array(
  fc.record({ node: fc.constantFrom('n-0', 'n-1'), network: fc.constantFrom('blocks', 'pages') }),
  { minLength: 1, maxLength: 20 },
);
/** A site, and one of its pods. */
const anySite = fc
  .tuple(wantedPods, fc.nat())
  .map(([wanted, n]) => ({ input: site(wanted), chosen: site(wanted).pods[n % wanted.length]! }));

const run = (input: AuditInput, seconds = 3600) => audit(input, { ...rules, now: at(seconds) });
const kinds = (findings: AuditFinding[]) => [...new Set(findings.map(({ kind }) => kind))];
const without = (input: AuditInput, uid: string): AuditInput => ({
  ...input,
  pods: input.pods.filter(pod => pod.uid !== uid),
});
const withPod = (input: AuditInput, changed: AuditedPod): AuditInput => ({
  ...input,
  pods: input.pods.map(pod => (pod.uid === changed.uid ? changed : pod)),
});
/** The pod's record, changed; an empty list takes it away. */
const withRecord = (input: AuditInput, uid: string, change: (record: Allocation) => Allocation[]): AuditInput => ({
  ...input,
  pools: input.pools.map(pool => ({
    ...pool,
    allocations: pool.allocations.flatMap(record => (record.podUID === uid ? change(record) : [record])),
  })),
});

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

  it('duplicate: a second live record of an address', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const twin = { ...chosen, uid: 'twin', name: 'twin', attachments: [], interfaces: [] };
        const doubled = withRecord(input, chosen.uid, r => [r, { ...r, podUID: 'twin', name: 'twin' }]);
        const findings = run({ ...doubled, pods: [...input.pods, twin] });
        expect(kinds(findings)).to.deep.equal(['duplicate']);
        expect(findings).to.have.length(2);
        for (const { objects } of findings)
          expect(objects).to.include.members([`pod ns/${chosen.name}`, 'pod ns/twin']);
      }),
    );
  });

  it('duplicate: a line that stands in its pool twice, of one pod', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const findings = run(withRecord(input, chosen.uid, r => [r, { ...r }]));
        expect(kinds(findings)).to.deep.equal(['duplicate']);
        for (const { objects, message } of findings) {
          expect(objects).to.include(`pod ns/${chosen.name}`);
          expect(message).to.match(/^2 records of one pod hold \S+; take out the line that is too many: kubectl edit/);
        }
      }),
    );
  });

  it('duplicate and missing: a second pod with the addresses of the first', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const findings = run({ ...input, pods: [...input.pods, { ...chosen, uid: 'twin', name: 'twin' }] });
        expect(countKinds(findings)).to.deep.equal({ duplicate: 2, leak: 0, missing: 1, foreign: 0, unreadable: 0 });
        const lacking = findings.find(({ kind }) => kind === 'missing');
        expect(lacking?.objects).to.deep.equal(['pod ns/twin']);
      }),
    );
  });

  describe('of hardware addresses', () => {
    const mac = '02:00:00:00:00:2a';
    const ipam = JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 6, interfaceBlock: 2 });
    const withPlugin = (type: string): AuditedNetwork => {
      const object = { apiVersion, kind: 'MultiNicNetwork', metadata: { name: 'blocks' } };
      const spec = { subnet: '10.200.0.0/16', ipam, plugin: { cniVersion: '1.0.0', type } };
      return { network: readNetwork({ ...object, spec }), interfaces, hostIndexes };
    };
    /** Two pods on two nodes, as a network with that plugin has them. */
    const pair = (asked: readonly AuditedPod['macs'][], type = 'macvlan'): AuditInput => {
      const input = site([
        { node: 'n-0', network: 'blocks' },
        { node: 'n-1', network: 'blocks' },
      ]);
      const pods = input.pods.map((pod, i) => ({ ...pod, macs: asked[i] ?? [] }));
      return { ...input, pods, networks: new Map([['blocks', withPlugin(type)]]) };
    };
    const [first, second] = interfaces.map(({ netAddress }) => ({ network: 'blocks', netAddress, mac }));
    const suspected = ({ pods: [one, other], networks: known }: AuditInput): AuditFinding[] => {
      const users = new AddressUsers();
      return [...users.see([one!], known), ...users.see([other!], known)];
    };

    it('duplicate: two pods ask for one in one subnet', () => {
      const input = pair([[first!], [first!]]);
      const [finding, ...more] = run(input);
      expect(more).to.deep.equal([]);
      expect(finding).to.deep.include({ kind: 'duplicate', network: 'blocks', objects: ['pod ns/p-0', 'pod ns/p-1'] });
      expect(finding?.message).to.contain(`${mac} in 172.20.1.0/24`);
      expect(confirmed(suspected(input), run(input))).to.deep.equal([finding]);
    });

    it('finds none in different subnets, of one pod, or where nobody could meet', () => {
      const ended = pair([[first!], [first!]]);
      for (const input of [
        pair([[first!], [second!]]),
        pair([[first!, first!], []]),
        pair([[first!], [first!]], 'ptp'),
        pair([[first!], [first!]], 'ipvlan'),
        pair([[{ ...first!, network: 'of others' }], [{ ...first!, network: 'of others' }]]),
        // Which of the two subnets they are in, nobody knows.
        pair([[{ network: 'blocks', mac }], [{ network: 'blocks', mac }]]),
        withPod(ended, { ...ended.pods[0]!, isRunning: false, endedAt: at(3600) }),
      ]) {
        expect([...run(input), ...suspected(input)]).to.deep.equal([]);
      }
    });

    it('takes the only subnet of the network for the one of a pod that admission has not seen', () => {
      const input = pair([[first!], [{ network: 'blocks', mac }]]);
      const one = { ...input.networks.get('blocks')!, interfaces: interfaces.slice(0, 1) };
      const networksOfOne = new Map([['blocks', one]]);
      expect(kinds(suspected({ ...input, networks: networksOfOne }))).to.deep.equal(['duplicate']);
    });
  });

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

  it('does not call addresses of networks of others used twice', () => {
    const input = site([
      { node: 'n-0', network: 'blocks' },
      { node: 'n-1', network: 'blocks' },
    ]);
    const links = [{ network: 'storage', interface: 'net9', addresses: ['192.168.0.1'] }];
    const pods = input.pods.map(pod => ({ ...pod, interfaces: [...pod.interfaces, ...links] }));
    expect(run({ ...input, pods })).to.deep.equal([]);
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

  it('suspects pods of different nodes that use one address', () => {
    fc.assert(
      fc.property(anySite, ({ input, chosen }) => {
        const users = new AddressUsers();
        expect(users.see(input.pods, networks)).to.deep.equal([]);
        const found = users.see([{ ...chosen, uid: 'twin', name: 'twin', node: 'n-9' }], networks);
        expect(kinds(found)).to.deep.equal(['duplicate']);
        expect(found[0]?.objects).to.deep.equal([`pod ns/${chosen.name}`, 'pod ns/twin']);
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
