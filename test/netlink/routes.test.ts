import { expect } from 'chai';
import { it } from 'mocha';
import { NetlinkError, type Op, type Route, type RouteChange, type RouteInfo } from '../../agent/netlink/netlink.ts';
import {
  describeEach,
  fixture,
  type IpHop,
  type IpLink,
  type IpRoute,
  rejection,
  type TestNamespace,
} from './support.ts';

/** Our number for routes in these tests; iproute2 prints unknown ones as they are. */
const protocol = 201;

/** Routes of these tests as `ip -j -d route` shows them, in the words of Route. */
function oracle(namespace: TestNamespace, family: 4 | 6): object[] {
  const indexes = new Map(namespace.json<IpLink>('link').map(link => [link.ifname, link.ifindex]));
  const hop = (at: IpHop): object => ({
    ...(at.gateway === undefined ? {} : { gateway: at.gateway }),
    ...(at.via === undefined ? {} : { gateway: at.via.host }),
    ...(at.dev === undefined ? {} : { dev: indexes.get(at.dev) }),
    ...(at.flags?.includes('onlink') === true ? { onlink: true } : {}),
  });
  return namespace
    .json<IpRoute>(`-${family}`, 'route', 'show', 'table', 'all', 'proto', String(protocol))
    .map(route => ({
      dst: withPrefix(route.dst, family),
      table: { main: 254, undefined: 254 }[String(route.table)] ?? Number(route.table),
      type: route.type,
      metric: route.metric ?? 0,
      ...(family === 4 ? { scope: route.scope } : {}),
      ...hop(route),
      ...(route.prefsrc === undefined ? {} : { src: route.prefsrc }),
      ...(route.metrics?.[0]?.mtu === undefined ? {} : { mtu: route.metrics[0].mtu }),
      ...(route.metrics?.[0]?.advmss === undefined ? {} : { advmss: route.metrics[0].advmss }),
      ...(route.nexthops === undefined
        ? {}
        : { nexthops: route.nexthops.map(at => ({ ...hop(at), weight: at.weight })) }),
    }));
}

function withPrefix(dst: string, family: 4 | 6): string {
  if (dst === 'default') return family === 4 ? '0.0.0.0/0' : '::/0';
  return dst.includes('/') ? dst : `${dst}/${family === 4 ? 32 : 128}`;
}

function comparable(routes: readonly RouteInfo[]): Partial<Route>[] {
  return routes.map(({ flags, protocol: ours, family, scope, ...rest }) => {
    void flags;
    expect(ours).to.equal(protocol);
    return family === 4 ? { ...rest, scope } : rest;
  });
}

describeEach('netlink: routes', test => {
  function prepared(): TestNamespace {
    const namespace = test.namespace();
    for (const [name, peer] of [
      ['v0', 'v1'],
      ['w0', 'w1'],
    ] as const) {
      namespace.ip('link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', peer);
      namespace.ip('link', 'set', peer, 'up');
      namespace.ip('link', 'set', name, 'up');
    }
    namespace.ip('address', 'add', '10.1.0.1/24', 'dev', 'v0');
    namespace.ip('address', 'add', '10.2.0.1/24', 'dev', 'w0');
    namespace.ip('address', 'add', 'fd00:1::1/64', 'nodad', 'dev', 'v0');
    namespace.ip('address', 'add', 'fd00:2::1/64', 'nodad', 'dev', 'w0');
    return namespace;
  }

  const kinds: Readonly<Record<string, Route>> = {
    'by a gateway, in a table of its own': {
      dst: '10.200.1.0/24',
      gateway: '10.1.0.9',
      dev: 'v0',
      table: 2_000_000,
    },
    'on a link': { dst: '10.200.2.0/24', dev: 'v0', src: '10.1.0.1', metric: 50 },
    'default, with sizes': { dst: '0.0.0.0/0', gateway: '10.1.0.9', mtu: 1400, advmss: 1360 },
    'by a gateway that is only said to be on the link': {
      dst: '10.200.3.7/32',
      gateway: '192.0.2.1',
      dev: 'v0',
      onlink: true,
    },
    blackhole: { dst: '10.200.4.0/24', type: 'blackhole', table: 77 },
    'over several next hops': {
      dst: '10.200.5.0/24',
      nexthops: [
        { gateway: '10.1.0.9', dev: 'v0', weight: 3 },
        { gateway: '10.2.0.9', dev: 'w0', weight: 1 },
      ],
    },
    'IPv4 by an IPv6 gateway': { dst: '10.200.6.0/24', gateway: 'fd00:1::9', dev: 'v0' },
    'IPv6 by a gateway, in a table of its own': {
      dst: 'fd00:200:1::/64',
      gateway: 'fd00:1::9',
      dev: 'v0',
      table: 2_000_000,
      metric: 7,
    },
    'IPv6 on a link, with a size': { dst: 'fd00:200:2::/64', dev: 'v0', mtu: 1400 },
    'IPv6 default': { dst: '::/0', gateway: 'fd00:1::9', dev: 'v0' },
    'IPv6 over several next hops': {
      dst: 'fd00:200:5::/64',
      nexthops: [
        { gateway: 'fd00:1::9', dev: 'v0', weight: 2 },
        { gateway: 'fd00:2::9', dev: 'w0', weight: 5 },
      ],
    },
    'IPv6 by a gateway that is only said to be on the link': {
      dst: 'fd00:200:3::7/128',
      gateway: 'fd99::1',
      dev: 'v0',
      onlink: true,
    },
  };

  for (const [name, route] of Object.entries(kinds)) {
    it(`adds, lists as ip does, and deletes a route ${name}`, async () => {
      const namespace = prepared();
      await test.netlink.run(namespace.path, [{ op: 'route.add', ...route, protocol }]);
      const listed = await test.netlink.one(namespace.path, { op: 'route.list', protocol });
      expect(listed).to.have.length(1);
      expect(comparable(listed)).to.deep.equal([...oracle(namespace, 4), ...oracle(namespace, 6)]);
      const { dev, nexthops, ...rest } = route;
      void [dev, nexthops];
      expect(listed[0]).to.include(rest);
      // What is listed is what deletes it.
      await test.netlink.run(namespace.path, [{ op: 'route.del', ...listed[0]! }]);
      expect(await test.netlink.one(namespace.path, { op: 'route.list', protocol })).to.deep.equal([]);
    });
  }

  it('lists by table, protocol, family and link', async () => {
    const namespace = prepared();
    const four = { dst: '10.200.0.0/24', gateway: '10.1.0.9' };
    const six = { dst: 'fd00:200::/64', gateway: 'fd00:1::9', dev: 'v0' };
    await test.netlink.run(namespace.path, [
      { op: 'route.add', ...four, table: 500, protocol },
      { op: 'route.add', ...four, table: 501, protocol },
      { op: 'route.add', ...four, table: 501, dst: '10.201.0.0/24', protocol: 99 },
      { op: 'route.add', ...six, table: 501, protocol },
      { op: 'route.add', dst: '10.202.0.0/24', gateway: '10.2.0.9', table: 502, protocol },
    ]);
    const count = async (filter: object): Promise<number> =>
      (await test.netlink.run(namespace.path, [{ op: 'route.list', ...filter }]))[0].length;
    expect(await count({ table: 500 })).to.equal(1);
    expect(await count({ table: 501 })).to.equal(3);
    expect(await count({ table: 501, protocol })).to.equal(2);
    expect(await count({ table: 501, family: 6 })).to.equal(1);
    expect(await count({ protocol })).to.equal(4);
    expect(await count({ protocol, dev: 'w0' })).to.equal(1);
    expect(await count({ table: 499 })).to.equal(0);
    expect(await count({ table: 499, family: 4 })).to.equal(0);
    expect(await count({ table: 499, family: 6 })).to.equal(0);
  });

  it('lists near ones alone, whatever a routing daemon has put beside them', async () => {
    const namespace = prepared();
    const table = 500;
    const far = Array.from({ length: 300 }, (_, i) => ({ dst: `10.20${i >> 7}.${i & 127}.0/24`, gateway: '10.1.0.9' }));
    const several = { dst: '10.210.0.0/24', nexthops: [{ gateway: '10.1.0.9' }, { gateway: '10.2.0.9' }] };
    const near = [
      { dst: '0.0.0.0/0', gateway: '10.1.0.9' },
      { dst: '::/0', gateway: 'fd00:1::9', dev: 'v0' },
      { dst: '10.211.0.0/24', dev: 'v0' },
      { dst: 'fd00:211::/64', dev: 'v0' },
    ];
    const routes = [...far, several, ...near].map(route => ({ op: 'route.add' as const, ...route, table }));
    await test.netlink.run(namespace.path, routes);
    const listed = await test.netlink.one(namespace.path, { op: 'route.list', table, near: true });
    expect(listed.map(({ dst }) => dst)).to.have.members(near.map(({ dst }) => dst));
  });

  it('replaces a route in its place', async () => {
    const namespace = prepared();
    const route: Route = { dst: '10.200.1.0/24', table: 500, protocol };
    const [, , again, , listed] = await test.netlink.run(namespace.path, [
      { op: 'route.replace', ...route, gateway: '10.1.0.9' },
      { op: 'route.replace', ...route, gateway: '10.1.0.9' },
      { op: 'route.add', ...route, gateway: '10.1.0.10', ignore: ['EEXIST'] },
      { op: 'route.replace', ...route, gateway: '10.2.0.9' },
      { op: 'route.list', table: 500 },
    ]);
    expect(again).to.have.nested.property('failure.code', 'EEXIST');
    expect(listed.map(({ gateway }) => gateway)).to.deep.equal(['10.2.0.9']);
  });

  it('appends a route after others to the same destination, each of which can be removed alone', async () => {
    const namespace = prepared();
    const four: Route = { dst: '10.200.1.0/24', table: 500, protocol };
    const six: Route = { dst: 'fd00:200::/64', table: 500, protocol };
    const [, , , , again, listed] = await test.netlink.run(namespace.path, [
      { op: 'route.append', ...four, gateway: '10.1.0.9' },
      { op: 'route.append', ...four, gateway: '10.2.0.9' },
      { op: 'route.append', ...six, gateway: 'fd00:1::9' },
      { op: 'route.append', ...six, gateway: 'fd00:2::9' },
      { op: 'route.append', ...four, gateway: '10.1.0.9', ignore: ['EEXIST'] },
      { op: 'route.list', table: 500 },
    ]);
    expect(again).to.have.nested.property('failure.code', 'EEXIST');
    const hops = listed.map(({ gateway, nexthops }) => gateway ?? nexthops?.map(hop => hop.gateway));
    expect(hops).to.deep.equal(['10.1.0.9', '10.2.0.9', ['fd00:1::9', 'fd00:2::9']]);
    const [, left] = await test.netlink.run(namespace.path, [
      { op: 'link.del', dev: 'v0' },
      { op: 'route.list', table: 500 },
    ]);
    expect(left.map(({ gateway }) => gateway)).to.deep.equal(['10.2.0.9', 'fd00:2::9']);
  });

  it('adds, lists and deletes 10,000 routes', async () => {
    const namespace = prepared();
    const routes = Array.from({ length: 10_000 }, (_, at): RouteChange => ({
      op: 'route.add',
      dst: `10.${100 + (at >> 8)}.${at & 255}.0/24`,
      gateway: '10.1.0.9',
      dev: 'v0',
      table: 500,
      protocol,
    }));
    const results = await test.netlink.run(namespace.path, routes);
    expect(results).to.have.length(10_000);
    expect(results.every(result => result.done)).to.equal(true);
    const listed = await test.netlink.one(namespace.path, { op: 'route.list', table: 500, protocol });
    expect(new Set(listed.map(route => route.dst))).to.deep.equal(new Set(routes.map(route => route.dst)));
    expect(namespace.json<IpRoute>('route', 'show', 'table', '500')).to.have.length(10_000);
    await test.netlink.run(
      namespace.path,
      listed.map((route): Op => ({ op: 'route.del', ...route })),
    );
    expect(namespace.json<IpRoute>('route', 'show', 'table', '500')).to.deep.equal([]);
  });

  it('carries on past routes that fail where asked to, and says which', async () => {
    const namespace = prepared();
    const routes = Array.from({ length: 3000 }, (_, at): RouteChange => ({
      op: 'route.add',
      dst: `10.${100 + (at >> 8)}.${at & 255}.0/24`,
      // Not reachable: no link has that network.
      gateway: at % 1000 === 500 ? '192.0.2.1' : '10.1.0.9',
      table: 500,
    }));
    const outcomes = await test.netlink.runAll(namespace.path, routes);
    const failures = outcomes.flatMap(outcome => (outcome.done ? [] : [outcome.failure]));
    expect(failures.map(({ index }) => index)).to.deep.equal([500, 1500, 2500]);
    expect(failures.map(({ code }) => code)).to.deep.equal(['ENETUNREACH', 'ENETUNREACH', 'ENETUNREACH']);
    expect(failures[0]?.kernelText).to.equal('Nexthop has invalid gateway');
    expect(await test.netlink.one(namespace.path, { op: 'route.list', table: 500 })).to.have.length(2997);
  });
});

describe('netlink: many changes (koffi)', () => {
  const test = fixture('koffi');

  it('are read and sent piece by piece, with other batches in between', async () => {
    const namespace = test.namespace();
    let read = 0;
    const routes = function* (): Generator<RouteChange> {
      for (; read < 10_000; read += 1) {
        yield { op: 'route.add', dst: `10.${read >> 8}.${read & 255}.0/24`, type: 'blackhole', table: 500 };
      }
    };
    const all = test.netlink.runAll(namespace.path, routes());
    await test.netlink.one(namespace.path, { op: 'link.list' });
    expect(read).to.be.below(10_000);
    expect(await all).to.have.length(10_000);
    expect(await test.netlink.one(namespace.path, { op: 'route.list', table: 500 })).to.have.length(10_000);
  });

  it('fail with a piece, also while the next one is made: an unhandled rejection would end the process', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    try {
      const routes = Array.from({ length: 3_000 }, () => ({ op: 'route.add', dst: '10.1.0.0/24' }) as const);
      expect(await rejection(test.netlink.runAll('/run/netns/nltest-none', routes))).to.be.instanceOf(NetlinkError);
      const signal = AbortSignal.abort(new Error('told to stop'));
      expect(await rejection(test.netlink.runAll(null, routes, { signal }))).to.equal(signal.reason);
    } finally {
      process.off('unhandledRejection', listener);
    }
    expect(unhandled).to.deep.equal([]);
  });
});
