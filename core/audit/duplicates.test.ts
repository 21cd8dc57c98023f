import { expect } from 'chai';
import fc from 'fast-check';
import {
  anySite,
  at,
  hostIndexes,
  interfaces,
  kinds,
  networks,
  run,
  site,
  withPod,
  withRecord,
} from '../../test/core/auditedSite.ts';
import { apiVersion } from '../api/names.ts';
import { readNetwork } from '../network/network.ts';
import { AddressUsers } from './addressUsers.ts';
import { confirmed, countKinds } from './audit.ts';
import type { AuditedNetwork, AuditedPod, AuditFinding, AuditInput } from './types.ts';

describe('audit: duplicates', () => {
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

    it('finds none in different subnets, of one pod, or where they could not meet', () => {
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

  it('does not call addresses of networks of others used twice', () => {
    const input = site([
      { node: 'n-0', network: 'blocks' },
      { node: 'n-1', network: 'blocks' },
    ]);
    const links = [{ network: 'storage', interface: 'net9', addresses: ['192.168.0.1'] }];
    const pods = input.pods.map(pod => ({ ...pod, interfaces: [...pod.interfaces, ...links] }));
    expect(run({ ...input, pods })).to.deep.equal([]);
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
});
