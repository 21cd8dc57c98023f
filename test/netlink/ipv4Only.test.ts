import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { before, it } from 'mocha';
import { coveredInUml, describeEach } from './support.ts';

/** As administrators have it with `ipv6.disable=1`: the kernel then knows nothing of the family. */
describeEach('netlink: a kernel without IPv6', test => {
  before(function () {
    if (!existsSync('/proc/sys/net/ipv6')) return;
    this.test?.parent?.eachTest(each => {
      each.title += ` ${coveredInUml}`;
    });
    this.skip();
  });

  it('has links, addresses, routes and rules of IPv4', async () => {
    const { path } = test.namespace();
    const rule = { from: '10.0.0.0/8', table: 500, priority: 7 };
    const [, , , , links, addresses, routes, rules] = await test.netlink.run(path, [
      { op: 'link.add', kind: 'bridge', name: 'br0', up: true },
      { op: 'address.add', dev: 'br0', address: '10.0.0.1/24' },
      { op: 'route.add', dst: '10.1.0.0/16', gateway: '10.0.0.2', table: 500, protocol: 77 },
      { op: 'rule.add', ...rule },
      { op: 'link.list' },
      { op: 'address.list' },
      { op: 'route.list', protocol: 77 },
      { op: 'rule.list' },
    ]);
    expect(links.map(({ name }) => name)).to.deep.equal(['lo', 'br0']);
    expect(addresses.map(({ address }) => address)).to.include('10.0.0.1/24');
    expect(routes.map(({ dst }) => dst)).to.deep.equal(['10.1.0.0/16']);
    expect(rules).to.have.length(4);
    expect(rules.find(({ priority }) => priority === 7)).to.include(rule);
  });
});
