import { expect } from 'chai';
import { readResult } from '../../core/cni/readResult.ts';
import type { LinkInfo, RouteInfo } from '../netlink/netlink.ts';
import type { Attachment } from './attachment.ts';
import { answerWithoutDefaults, defaultRouteOps, type PodRoutesBefore } from './defaultRoutes.ts';

/** net1-0, which a plugin made, beside eth0. */
const links = ['eth0', 'net1-0'].map((name, i) => ({ name, index: i + 1, loopback: false }) as LinkInfo);
const route = (dst: string, hops: Partial<RouteInfo>): RouteInfo =>
  ({ dst, table: 254, family: dst.includes(':') ? 6 : 4, ...hops }) as RouteInfo;
const before: PodRoutesBefore = {
  links,
  routes: [
    route('::/0', { dev: 1 }),
    route('::/0', { dev: 2 }),
    route('::/0', { nexthops: [{ dev: 1 }, { dev: 2 }] }),
    route('0.0.0.0/0', { dev: 2 }),
    route('fd00::/64', { dev: 2 }),
  ],
};

/** What is done about routes (by their position in `before`) and about routers (by the link that hears them). */
function done(chosen: Pick<Attachment, 'defaultRoute' | 'defaultFamilies'>): unknown[] {
  const attachment = { ...chosen, network: 'n', nics: [{ name: 'net1-0', master: 'eth1', addresses: [] }] };
  const own = { link: 'net1-0', change: { op: 'route.add', dst: '::/0', gateway: 'fe80::1', dev: 'net1-0' } } as const;
  return defaultRouteOps(attachment as unknown as Attachment, [own], before).map(op => {
    if (op.op === 'sysctl.set') return JSON.stringify(op).includes('net1-0') ? 'net1-0' : 'eth0';
    return before.routes.findIndex(({ dst, dev }) => op.op === 'route.del' && op.dst === dst && op.dev === dev);
  });
}

describe('default routes of a pod', () => {
  it('stay as they come where the pod chooses none', () => {
    expect(done({ defaultRoute: [], defaultFamilies: [] })).to.deep.equal([]);
  });

  it('all go in the family that the attachment takes over', () => {
    expect(done({ defaultRoute: ['fe80::1'], defaultFamilies: [6] })).to.deep.equal(['eth0', 0, 1, 2]);
  });

  it('go from its own links where another attachment has it', () => {
    expect(done({ defaultRoute: [], defaultFamilies: [6] })).to.deep.equal(['net1-0', 1, 2]);
    expect(done({ defaultRoute: [], defaultFamilies: [4] })).to.deep.equal([3]);
  });

  it('are left out of what a plugin answered, other families and tables apart', () => {
    const kept = [{ dst: '0.0.0.0/0', table: 100 }, { dst: '::/0' }, { dst: 'none' }, { dst: '10.0.0.0/8' }];
    const printed = { cniVersion: '1.1.0', routes: [{ dst: '0.0.0.0/0', gw: '10.0.0.1' }, ...kept, 5] };
    const answer = { printed, result: readResult(printed) };
    expect(answerWithoutDefaults(answer, [4]).printed).to.deep.equal({ ...printed, routes: [...kept, 5] });
    expect(answerWithoutDefaults(answer, [4]).result.routes).to.deep.equal(kept);
    expect(answerWithoutDefaults(answer, [])).to.equal(answer);
  });
});
