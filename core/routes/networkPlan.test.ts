import { expect } from 'chai';
import fc from 'fast-check';
import type { HostInterfaceSpec } from '../api/types.ts';
import { readNetwork } from '../network/network.ts';
import { type L3Route, routeBase, routesTo } from './desiredRoutes.ts';
import { NetworkPlan } from './networkPlan.ts';

const network = readNetwork({
  apiVersion: '',
  kind: '',
  metadata: { name: 'n' },
  spec: {
    subnet: '10.200.0.0/16,fd00:10::/48',
    ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3, vlanMode: 'l3' }),
    plugin: { cniVersion: '0.3.0', type: 'ipvlan' },
  },
});
const interfaces = [0, 1].map(index => ({ index, netAddress: `172.20.${index}.0/24`, ordinal: 0 }));

function host(hostName: string, last: number, nics: number): HostInterfaceSpec {
  const nic = (i: number) => ({
    interfaceName: `eth${i + 1}`,
    netAddress: `172.20.${i}.0/24`,
    hostIP: `172.20.${i}.${last}`,
  });
  return { hostName, interfaces: Array.from({ length: nics }, (_, i) => nic(i)) };
}

const names = ['self', 'a', 'b', 'c'];
const self = host('self', 1, 2);
const anyName = fc.constantFrom(...names);
const step = fc.oneof(
  fc.record({ nics: fc.record({ last: fc.integer({ min: 2, max: 9 }), count: fc.nat(2) }), name: anyName }),
  fc.record({ gone: fc.constant(true), name: anyName }),
  fc.record({ hostIndex: fc.option(fc.nat(3)), name: anyName }),
);

const text = (routes: Iterable<L3Route>): string[] => Array.from(routes, route => JSON.stringify(route)).sort();

describe('NetworkPlan', () => {
  it('wants after any changes what it would want from scratch, and reports what differs', () => {
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 8 }), passes => {
        const base = routeBase(network, interfaces, self);
        const plan = new NetworkPlan(base, 'self');
        const hosts = new Map([['self', self]]);
        const hostIndexes = new Map([['self', 9]]);
        const view = { hostIndexes, host: (name: string) => hosts.get(name) };
        let wanted: string[] = [];
        for (const steps of passes) {
          for (const change of steps) {
            if ('nics' in change) hosts.set(change.name, host(change.name, change.nics.last, change.nics.count));
            else if ('gone' in change) hosts.delete(change.name);
            else if (change.hostIndex === null) hostIndexes.delete(change.name);
            else hostIndexes.set(change.name, change.hostIndex);
          }
          const { before, after } = plan.look(view, new Set(steps.map(({ name }) => name)));
          for (const route of text(before)) wanted.splice(wanted.indexOf(route), 1);
          wanted = [...wanted, ...text(after)].sort();
          const anew = [...hostIndexes].flatMap(([name, index]) => {
            const spec = hosts.get(name);
            return spec && name !== 'self' ? routesTo(base, spec, index) : [];
          });
          expect(text(plan.routes())).to.deep.equal(text(anew));
          expect(wanted).to.deep.equal(text(anew));
          const again = plan.look(view);
          expect([...again.before, ...again.after]).to.deep.equal([]);
        }
      }),
    );
  });

  it('does not look at hosts that have not changed', () => {
    const plan = new NetworkPlan(routeBase(network, interfaces, self), 'self');
    const hostIndexes = new Map(names.map((name, i) => [name, i]));
    const asked: string[] = [];
    const view = { hostIndexes, host: (name: string) => (asked.push(name), host(name, 5, 2)) };
    plan.look(view);
    expect(asked).to.deep.equal(['a', 'b', 'c']);
    plan.look(view, new Set(['b']));
    expect(asked).to.deep.equal(['a', 'b', 'c', 'b']);
  });
});
