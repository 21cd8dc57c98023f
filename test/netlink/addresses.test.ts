import { expect } from 'chai';
import { it } from 'mocha';
import type { AddressInfo, LinkAdd } from '../../agent/netlink/netlink.ts';
import { describeEach, type IpLink, type TestNamespace } from './support.ts';

/** The addresses that `ip -j -d address` shows, in the words of AddressInfo. */
function oracle(namespace: TestNamespace): Partial<AddressInfo>[] {
  return namespace.json<IpLink>('address').flatMap(link =>
    (link.addr_info ?? []).map(info => ({
      family: info.family === 'inet' ? 4 : 6,
      dev: link.ifindex,
      address: `${info.local}/${info.address === undefined ? info.prefixlen : info.family === 'inet' ? 32 : 128}`,
      scope: info.scope,
    })),
  );
}

function comparable(addresses: readonly AddressInfo[]): Partial<AddressInfo>[] {
  return addresses.map(({ flags, permanent, dadFailed, ...rest }) => {
    void [flags, permanent, dadFailed];
    return rest;
  });
}

function byText(items: readonly object[]): string[] {
  return items.map(item => JSON.stringify(Object.entries(item).sort())).sort();
}

describeEach('netlink: addresses', test => {
  function prepared(): TestNamespace {
    const namespace = test.namespace();
    namespace.ip('link', 'add', 'name', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
    // No link-local addresses of the kernel's own: it makes them when a link comes up.
    for (const name of ['v0', 'v1']) namespace.ip('link', 'set', name, 'addrgenmode', 'none');
    for (const name of ['v0', 'v1']) namespace.ip('link', 'set', name, 'up');
    return namespace;
  }

  it('lists no more than the reader wants to hold', async () => {
    const namespace = prepared();
    for (const i of [1, 2, 3]) namespace.ip('address', 'add', `10.1.0.${i}/32`, 'dev', 'v0');
    const list = { op: 'address.list', most: 3 } as const;
    expect(await test.netlink.one(namespace.path, list)).to.have.length(3);
    namespace.ip('address', 'add', '10.1.0.4/32', 'dev', 'v0');
    const failed: unknown = await test.netlink.one(namespace.path, list).catch((error: unknown) => error);
    expect(failed).to.have.property('code', 'E2BIG');
    expect(await test.netlink.one(namespace.path, { op: 'address.list' })).to.have.length(4);
  });

  it('adds addresses of both families as ip sees them, and lists those that others added', async () => {
    const namespace = prepared();
    namespace.ip('address', 'add', '10.3.0.1', 'peer', '10.3.0.2/32', 'dev', 'v0');
    namespace.ip('address', 'add', 'fd00:3::1', 'peer', 'fd00:3::2/128', 'dev', 'v0', 'nodad');
    await test.netlink.run(namespace.path, [
      { op: 'address.add', dev: 'v0', address: '10.1.0.5/24' },
      { op: 'address.add', dev: 'v0', address: 'fd00:1::5/64', noDad: true },
      { op: 'address.add', dev: 'lo', address: '127.0.0.9/8' },
    ]);
    const listed = await test.netlink.one(namespace.path, { op: 'address.list' });
    expect(listed).to.have.length(5);
    expect(byText(comparable(listed))).to.deep.equal(byText(oracle(namespace)));
    expect(listed.every(address => address.permanent && !address.dadFailed)).to.equal(true);
    const routes = namespace.ip('route') + namespace.ip('-6', 'route');
    expect(routes).to.contain('10.1.0.0/24').and.to.contain('fd00:1::/64');
  });

  it('says EEXIST of an address that is there', async () => {
    const namespace = prepared();
    const [, again] = await test.netlink.run(namespace.path, [
      { op: 'address.add', dev: 'v0', address: 'fd00::5/64', noDad: true },
      { op: 'address.add', dev: 'v0', address: 'fd00::5/64', ignore: ['EEXIST'] },
    ]);
    expect(again).to.have.nested.property('failure.code', 'EEXIST');
  });

  it('lists those that stay, each once, though links come and go all the time', async () => {
    const namespace = test.namespace();
    const links = Array.from({ length: 100 }, (_, i) => `br${i}`);
    const addresses = Array.from({ length: 6000 }, (_, i) => ({
      dev: `br${i % 100}`,
      address: `fd00:1::${i + 1}/128`,
    }));
    await test.netlink.run(namespace.path, [
      ...links.map((name): LinkAdd => ({ op: 'link.add', kind: 'bridge', name })),
      ...addresses.map(part => ({ op: 'address.add' as const, ...part, noDad: true })),
    ]);
    await using _ = namespace.keepRunning('while :; do ip link add other type bridge; ip link del other; done');
    for (let time = 0; time < 10; time += 1) {
      const listed = await test.netlink.one(namespace.path, { op: 'address.list' });
      expect(listed.map(({ address }) => address).sort()).to.deep.equal(addresses.map(({ address }) => address).sort());
    }
  });

  it('lists by family and link', async () => {
    const namespace = prepared();
    const [, , four, six, both] = await test.netlink.run(namespace.path, [
      { op: 'address.add', dev: 'v0', address: '10.1.0.5/24' },
      { op: 'address.add', dev: 'v1', address: 'fd00::5/64', noDad: true },
      { op: 'address.list', family: 4 },
      { op: 'address.list', family: 6, dev: 'v1' },
      { op: 'address.list', dev: 'v0' },
    ]);
    expect(four.map(address => address.address)).to.deep.equal(['10.1.0.5/24']);
    expect(six.map(address => address.address)).to.deep.equal(['fd00::5/64']);
    expect(both.map(address => address.address)).to.deep.equal(['10.1.0.5/24']);
  });
});
