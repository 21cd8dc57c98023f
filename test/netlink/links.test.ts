import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { it } from 'mocha';
import type { LinkAdd, LinkInfo, Netlink, Op } from '../../agent/netlink/netlink.ts';
import { describeEach, type IpLink, needsKind, rejection, type TestNamespace } from './support.ts';

/** What `ip -j -d link` says, in the words of LinkInfo. */
function fromOracle(link: IpLink): Partial<LinkInfo> {
  return {
    index: link.ifindex,
    name: link.ifname,
    altNames: link.altnames ?? [],
    alias: link.ifalias ?? null,
    mac: link.address ?? null,
    mtu: link.mtu,
    up: link.flags.includes('UP'),
    lowerUp: link.flags.includes('LOWER_UP'),
    loopback: link.flags.includes('LOOPBACK'),
    kind: link.linkinfo?.info_kind ?? null,
    masterKind: link.linkinfo?.info_slave_kind ?? null,
    linkNetnsId: link.link_netnsid ?? null,
  };
}

/** The namespace's links, which `ip` sees alike. The kernel follows carriers with a delay, so both may be asked again. */
async function expectLikeOracle(netlink: Netlink, namespace: TestNamespace): Promise<LinkInfo[]> {
  for (let attempt = 1; ; attempt += 1) {
    const links = await netlink.one(namespace.path, { op: 'link.list' });
    const expected = oracle(namespace);
    const actual = links.map(link => pick(link, Object.keys(expected[0]!)));
    if (attempt === 20 || isDeepStrictEqual(actual, expected)) {
      expect(actual).to.deep.equal(expected);
      return links;
    }
    await setTimeout(100);
  }
}

/** `ip` prints a link's name in place of its index where the other end is in the same namespace. */
function oracle(namespace: TestNamespace): Partial<LinkInfo>[] {
  const links = namespace.json<IpLink>('link', 'show');
  const byName = new Map(links.map(link => [link.ifname, link.ifindex]));
  return links.map(link => ({
    ...fromOracle(link),
    master: byName.get(link.master ?? '') ?? null,
    parentIndex: byName.get(link.link ?? '') ?? link.link_index ?? null,
  }));
}

function pick(link: LinkInfo, keys: readonly string[]): object {
  return Object.fromEntries(Object.entries(link).filter(([key]) => keys.includes(key)));
}

describeEach('netlink: links', test => {
  it('makes a veth with names, addresses and sizes of its own, and lists as ip does', async () => {
    const namespace = test.namespace();
    await test.netlink.run(namespace.path, [
      {
        op: 'link.add',
        kind: 'veth',
        name: 'v0',
        mtu: 1400,
        mac: '02:00:00:00:00:01',
        alias: 'first end',
        up: true,
        peer: { name: 'v1', mtu: 1300, mac: '02:00:00:00:00:02' },
      },
    ]);
    const links = await expectLikeOracle(test.netlink, namespace);
    expect(links.find(link => link.name === 'v0')).to.include({ mtu: 1400, kind: 'veth' });
    expect(links.find(link => link.name === 'v1')).to.include({ mac: '02:00:00:00:00:02', mtu: 1300 });
  });

  it('puts both ends of a veth where they belong in one step', async () => {
    const [host, pod, other] = [test.namespace(), test.namespace(), test.namespace()];
    await test.netlink.run(host.path, [
      { op: 'link.add', kind: 'veth', name: 'eth0', targetNetns: pod.path, peer: { name: 'x', netns: other.path } },
    ]);
    expect(host.json<IpLink>('link').map(link => link.ifname)).to.deep.equal(['lo']);
    const links = await expectLikeOracle(test.netlink, pod);
    expect(links.find(link => link.name === 'eth0')?.linkNetnsId).to.be.a('number');
    expect(other.json<IpLink>('link').map(link => link.ifname)).to.include('x');
  });

  for (const mode of ['bridge', 'private', 'vepa', 'passthru'] as const) {
    it(`makes a macvlan in mode ${mode} inside the pod's namespace`, async function () {
      needsKind(this, 'macvlan');
      const [host, pod] = [test.namespace(), test.namespace()];
      host.ip('link', 'add', 'p0', 'type', 'veth', 'peer', 'name', 'p1');
      host.ip('link', 'set', 'p0', 'up');
      const add: LinkAdd = {
        op: 'link.add',
        kind: 'macvlan',
        parent: 'p0',
        mode,
        name: 'net1-0',
        targetNetns: pod.path,
      };
      await test.netlink.run(host.path, [{ ...add, up: true }]);
      await expectLikeOracle(test.netlink, pod);
      const link = await test.netlink.one(pod.path, { op: 'link.get', dev: 'net1-0' });
      expect(link.macvlan).to.deep.equal({ mode });
      expect(link).to.include({ up: true, kind: 'macvlan' });
      expect(pod.json<IpLink>('link', 'show', 'net1-0')[0]!.linkinfo?.info_data?.mode).to.equal(mode);
    });
  }

  for (const mode of ['l2', 'l3', 'l3s'] as const) {
    it(`makes an ipvlan in mode ${mode} inside the pod's namespace`, async function () {
      needsKind(this, 'ipvlan');
      const [host, pod] = [test.namespace(), test.namespace()];
      host.ip('link', 'add', 'p0', 'type', 'veth', 'peer', 'name', 'p1');
      await test.netlink.run(host.path, [
        { op: 'link.add', kind: 'ipvlan', parent: 'p0', mode, name: 'net1-0', targetNetns: pod.path, up: true },
      ]);
      await expectLikeOracle(test.netlink, pod);
      const link = await test.netlink.one(pod.path, { op: 'link.get', dev: 'net1-0' });
      expect(link.ipvlan).to.deep.equal({ mode });
      const data = pod.json<IpLink>('link', 'show', 'net1-0')[0]!.linkinfo?.info_data;
      expect(data?.mode).to.equal(mode);
      expect(JSON.stringify(data)).to.contain('bridge');
    });
  }

  const taken: Readonly<Record<'macvlan' | 'ipvlan', (dev: string) => Op>> = {
    macvlan: dev => ({ op: 'link.set', dev, mac: '02:00:00:00:00:77', up: true }),
    ipvlan: dev => ({ op: 'address.add', dev, address: '10.0.0.1/24' }),
  };
  for (const [kind, take] of Object.entries(taken)) {
    it(`says so where another ${kind} on the NIC has the address`, async function () {
      needsKind(this, kind);
      const host = test.namespace();
      host.ip('link', 'add', 'p0', 'up', 'type', 'veth', 'peer', 'name', 'p1');
      for (const name of ['one', 'other']) host.ip('link', 'add', 'link', 'p0', 'name', name, 'type', kind);
      await test.netlink.run(host.path, [take('one')]);
      expect(await rejection(test.netlink.run(host.path, [take('other')]))).to.include({ code: 'EADDRINUSE' });
    });
  }

  it('makes a dummy', async function () {
    needsKind(this, 'dummy');
    const namespace = test.namespace();
    await test.netlink.run(namespace.path, [
      { op: 'link.add', kind: 'dummy', name: 'd0', up: true, mac: '02:00:00:00:00:09' },
    ]);
    const links = await expectLikeOracle(test.netlink, namespace);
    expect(links.map(link => link.kind)).to.include('dummy');
  });

  for (const kind of ['bridge', 'vrf'] as const) {
    it(`tells which links are ports of a ${kind}`, async function () {
      needsKind(this, kind);
      const namespace = test.namespace();
      namespace.ip('link', 'add', 'name', 'red', 'up', 'type', kind, ...(kind === 'vrf' ? ['table', '1001'] : []));
      namespace.ip('link', 'add', 'name', 'v0', 'master', 'red', 'type', 'veth', 'peer', 'name', 'v1');
      const links = await expectLikeOracle(test.netlink, namespace);
      const red = links.find(link => link.name === 'red');
      expect(links.find(link => link.name === 'v0')).to.include({ master: red?.index, masterKind: kind });
      expect(links.find(link => link.name === 'v1')).to.include({ master: null, masterKind: null });
    });
  }

  for (const protocol of ['802.1Q', '802.1ad'] as const) {
    it(`reads a vlan with ${protocol} tags, and the NIC that it is on`, async function () {
      needsKind(this, 'vlan');
      const namespace = test.namespace();
      namespace.ip('link', 'add', 'name', 'p0', 'up', 'type', 'veth', 'peer', 'name', 'p1');
      const vlan = ['type', 'vlan', 'id', '123', 'protocol', protocol];
      namespace.ip('link', 'add', 'link', 'p0', 'name', 'p0.123', ...vlan);
      const links = await expectLikeOracle(test.netlink, namespace);
      const parent = links.find(({ name }) => name === 'p0');
      expect(links.find(({ name }) => name === 'p0.123')).to.include({ kind: 'vlan', parentIndex: parent?.index });
    });
  }

  it('changes only what it is asked to', async () => {
    const namespace = test.namespace();
    namespace.ip('link', 'add', 'name', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
    const longName = 'an-alternative-name-of-more-than-fifteen-bytes';
    await test.netlink.run(namespace.path, [
      { op: 'link.set', dev: 'v0', mtu: 1234, mac: '02:00:00:00:00:03', alias: 'NIC of a pod' },
      { op: 'link.set', dev: 'v0', name: 'w0' },
      { op: 'altname.add', dev: 'w0', altName: longName },
      { op: 'altname.add', dev: 'w0', altName: 'short' },
      { op: 'link.set', dev: longName, up: true },
    ]);
    const expectNow = async (): Promise<LinkInfo> => {
      const links = await expectLikeOracle(test.netlink, namespace);
      return links.find(link => link.name === 'w0')!;
    };
    expect(await expectNow()).to.deep.include({
      mtu: 1234,
      up: true,
      alias: 'NIC of a pod',
      altNames: [longName, 'short'],
    });
    await test.netlink.run(namespace.path, [
      { op: 'altname.del', dev: 'w0', altName: longName },
      { op: 'link.set', dev: 'short', up: false, alias: '' },
    ]);
    expect(await expectNow()).to.deep.include({ mtu: 1234, up: false, alias: null, altNames: ['short'] });
  });

  it('moves a link into another namespace, and removes links by name and index', async () => {
    const [from, to] = [test.namespace(), test.namespace()];
    await test.netlink.run(from.path, [
      { op: 'link.add', kind: 'veth', name: 'v0', peer: { name: 'v1' } },
      { op: 'link.add', kind: 'bridge', name: 'br1' },
      { op: 'link.set', dev: 'v0', netns: to.path, name: 'moved' },
    ]);
    expect(to.json<IpLink>('link').map(link => link.ifname)).to.deep.equal(['lo', 'moved']);
    const moved = await test.netlink.one(to.path, { op: 'link.get', dev: 'moved' });
    await test.netlink.run(to.path, [{ op: 'link.del', dev: moved.index }]);
    await test.netlink.run(from.path, [{ op: 'link.del', dev: 'br1' }]);
    for (const namespace of [from, to])
      expect(namespace.json<IpLink>('link').map(link => link.ifname)).to.deep.equal(['lo']);
  });

  it('changes the link with an index, though another one has the name by which programs call such a link', async () => {
    const { netlink } = test;
    const namespace = test.namespace();
    namespace.ip('link', 'add', 'meant', 'type', 'veth', 'peer', 'name', 'other');
    const { index: dev } = await netlink.one(namespace.path, { op: 'link.get', dev: 'meant' });
    namespace.ip('link', 'set', 'other', 'name', `if${dev}`);
    await netlink.run(namespace.path, [
      { op: 'altname.add', dev, altName: 'also' },
      { op: 'link.set', dev, name: 'renamed' },
      { op: 'link.set', dev, alias: 'it' },
    ]);
    const { name, alias, altNames } = await netlink.one(namespace.path, { op: 'link.get', dev });
    expect([name, alias, altNames]).to.deep.equal(['renamed', 'it', ['also']]);
    const gone = { op: 'link.set', dev: dev + 100, up: true } as const;
    expect(await rejection(netlink.run(namespace.path, [gone]))).to.have.property('code', 'ENODEV');
  });

  it('removes the links of a group, and with a veth its peer, and no others', async () => {
    const [namespace, other] = [test.namespace(), test.namespace()];
    const pair = (name: string): LinkAdd => ({
      ...{ op: 'link.add', kind: 'veth', name },
      peer: { name, netns: other.path },
    });
    await test.netlink.run(namespace.path, [pair('v0'), pair('v1'), pair('v2')]);
    await test.netlink.run(namespace.path, [
      { op: 'link.set', dev: 'v0', group: 7 },
      { op: 'link.set', dev: 'v1', group: 8 },
      { op: 'link.set', dev: 'v2', group: 7 },
      { op: 'link.delGroup', group: 7 },
    ]);
    for (const { path } of [namespace, other]) {
      const links = await test.netlink.one(path, { op: 'link.list' });
      expect(links.map(({ name }) => name)).to.deep.equal(['lo', 'v1']);
    }
  });

  it('lists many links over several datagrams', async () => {
    const namespace = test.namespace();
    const ops = Array.from({ length: 80 }, (_, at): LinkAdd => ({ op: 'link.add', kind: 'bridge', name: `br${at}` }));
    await test.netlink.run(namespace.path, ops);
    expect(await expectLikeOracle(test.netlink, namespace)).to.have.length(81);
  });

  it('lists those that stay, each once, though others come and go all the time', async () => {
    const namespace = test.namespace();
    const names = Array.from({ length: 1000 }, (_, at) => `br${at}`);
    await test.netlink.run(
      namespace.path,
      names.map((name): LinkAdd => ({ op: 'link.add', kind: 'bridge', name })),
    );
    await using _ = namespace.keepRunning('while :; do ip link add other type bridge; ip link del other; done');
    for (let time = 0; time < 10; time += 1) {
      const links = await test.netlink.one(namespace.path, { op: 'link.list' });
      const found = links.map(({ name }) => name).filter(name => name !== 'other');
      expect(found.sort()).to.deep.equal(['lo', ...names].sort());
    }
  });
});
