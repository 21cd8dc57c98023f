import { expect } from 'chai';
import type { ResultRoute } from '../../core/cni/result.ts';
import { podRoutes } from './podRoutes.ts';
import { sourceRuleOps, sourceRules } from './sourceRules.ts';

const plugin = { type: 'macvlan', mode: 'bridge' } as const;
const nics = [
  { name: 'net1-0', master: 'eth1', addresses: ['10.0.0.5/24', 'fd00::5/64'] },
  { name: 'net1-1', master: 'eth2', addresses: ['10.0.0.6/24', 'fd00::6/64'] },
  { name: 'net1-2', master: 'eth3', addresses: ['10.9.0.7/24'] },
];

/** What the table of the second link, which shares its subnets with the first, has of the pod's routes. */
function ofSecond(...routes: ResultRoute[]): string[] {
  const made = podRoutes({ routes, defaultRoute: [], nics, plugin });
  return sourceRuleOps(
    { nics, plugin, masterNets: [] },
    sourceRules({ nics, plugin, masterNets: [] }, []),
    made,
  ).flatMap(op => {
    if (op.op !== 'route.replace' || op.scope === 'link') return [];
    const hops = op.nexthops ?? [op];
    return [`${op.dst} ${hops.map(({ gateway, dev }) => `${gateway ?? 'on link'} ${dev}`).join(', ')}`];
  });
}

describe('routes of a link that shares its subnet with another of the pod', () => {
  it('are those by a gateway in it, by the link itself', () => {
    expect(ofSecond({ dst: '192.0.2.0/24', gw: '10.0.0.1' }, { dst: '2001:db8::/32', gw: 'fd00::1' })).to.deep.equal([
      '192.0.2.0/24 10.0.0.1 net1-1',
      '2001:db8::/32 fd00::1 net1-1',
    ]);
  });

  it('are those by the other link without a gateway, or by a link-local one', () => {
    expect(ofSecond({ dst: '192.0.2.0/24' }, { dst: '::/0', gw: 'fe80::1' })).to.deep.equal([
      '192.0.2.0/24 on link net1-1',
      '::/0 fe80::1 net1-1',
    ]);
  });

  it('are of a multipath route the gateways that it reaches', () => {
    const gateways = ['10.0.0.1', '10.9.0.1', '10.0.0.2'].map(gw => ({ dst: '192.0.2.0/24', gw }));
    expect(ofSecond(...gateways)).to.deep.equal(['192.0.2.0/24 10.0.0.1 net1-1, 10.0.0.2 net1-1']);
    expect(ofSecond({ dst: '192.0.2.0/24', gw: '10.9.0.1' }), 'elsewhere').to.deep.equal([]);
  });

  it('are none of another table', () => {
    expect(ofSecond({ dst: '192.0.2.0/24', gw: '10.0.0.1', table: 7 })).to.deep.equal([]);
  });
});
