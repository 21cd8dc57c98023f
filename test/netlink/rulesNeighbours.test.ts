import { expect } from 'chai';
import { it } from 'mocha';
import type { Rule } from '../../agent/netlink/netlink.ts';
import { describeEach, type IpNeighbour, type IpRule } from './support.ts';

const protocol = 201;

describeEach('netlink: rules', test => {
  const rules: readonly Rule[] = [
    { from: '10.200.0.0/16', table: 2_000_000, priority: 100, protocol },
    { table: 77, priority: 101, protocol, family: 6 },
    { from: 'fd00:200::/48', table: 2_000_000, priority: 105, protocol },
  ];

  it('adds rules as ip sees them, lists and deletes them', async () => {
    const namespace = test.namespace();
    await test.netlink.run(
      namespace.path,
      rules.map(rule => ({ op: 'rule.add' as const, ...rule })),
    );
    const listed = await test.netlink.one(namespace.path, { op: 'rule.list', protocol });
    expect(listed).to.have.length(rules.length);
    for (const [at, rule] of rules.entries()) expect(listed[at]).to.include(rule);
    const oracle = [...namespace.json<IpRule>('rule'), ...namespace.json<IpRule>('-6', 'rule')].filter(
      rule => String(rule.protocol) === String(protocol),
    );
    expect(oracle.map(rule => rule.priority)).to.deep.equal(rules.map(rule => rule.priority));
    expect(oracle[0]).to.include({ src: '10.200.0.0', srclen: 16, table: '2000000' });
    expect(oracle[1]).to.include({ src: 'all', table: '77' });
    expect(oracle[2]).to.include({ src: 'fd00:200::', srclen: 48, table: '2000000' });
    await test.netlink.run(
      namespace.path,
      listed.map(rule => ({ op: 'rule.del' as const, ...rule })),
    );
    expect(await test.netlink.one(namespace.path, { op: 'rule.list', protocol })).to.deep.equal([]);
  });

  it('refuses the same rule twice, and filters by table and family', async () => {
    const namespace = test.namespace();
    const rule: Rule = { from: '10.200.0.0/16', table: 77, priority: 100 };
    const [, again, four, six, gone, missing] = await test.netlink.run(namespace.path, [
      { op: 'rule.add', ...rule },
      { op: 'rule.add', ...rule, ignore: ['EEXIST'] },
      { op: 'rule.list', table: 77 },
      { op: 'rule.list', table: 77, family: 6 },
      { op: 'rule.del', ...rule },
      { op: 'rule.del', ...rule, ignore: ['ENOENT'] },
    ]);
    expect(again).to.have.nested.property('failure.code', 'EEXIST');
    expect(four).to.have.length(1);
    expect(six).to.have.length(0);
    expect(gone).to.deep.equal({ done: true });
    expect(missing).to.have.nested.property('failure.code', 'ENOENT');
  });
});

describeEach('netlink: neighbours', test => {
  it('adds and replaces permanent entries, and goes on after one that is refused where asked to', async () => {
    const namespace = test.namespace();
    namespace.ip('link', 'add', 'name', 'v0', 'up', 'type', 'veth', 'peer', 'name', 'v1');
    // Less than IPv6 needs; the kernel's words for it stand for either errno.
    namespace.ip('link', 'set', 'v1', 'up', 'mtu', '1000');
    const ignore = ['EINVAL', 'EACCES'] as const;
    const [, , refused] = await test.netlink.run(namespace.path, [
      { op: 'neighbour.replace', dev: 'v0', address: '10.1.0.9', mac: '02:00:00:00:00:09' },
      { op: 'neighbour.replace', dev: 'v0', address: '10.1.0.9', mac: '02:00:00:00:00:0a' },
      { op: 'neighbour.replace', dev: 'v1', address: 'fd00::9', mac: '02:00:00:00:00:0b', ignore },
      { op: 'neighbour.replace', dev: 'v0', address: 'fd00::9', mac: '02:00:00:00:00:0c' },
    ]);
    expect(refused).to.have.property('done', false);
    const oracle = namespace.json<IpNeighbour>('neighbour', 'show', 'nud', 'permanent');
    expect(oracle.map(({ dst, dev, lladdr }) => [dst, dev, lladdr])).to.have.deep.members([
      ['10.1.0.9', 'v0', '02:00:00:00:00:0a'],
      ['fd00::9', 'v0', '02:00:00:00:00:0c'],
    ]);
  });
});
