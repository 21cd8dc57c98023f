import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { it } from 'mocha';
import { forwardingKey, getSysctl, interfaceKey, setSysctl } from '../../agent/netlink/sysctl.ts';
import { describeEach } from './support.ts';

describeEach('netlink: sysctl', test => {
  it('reads and writes the values of one namespace and of no other', async () => {
    const [namespace, other] = [test.namespace(), test.namespace()];
    const own = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8');
    const before = other.exec('sysctl', '-n', 'net.ipv4.ip_forward').trim();
    const wanted = before === '1' ? '0' : '1';
    const [, value] = await test.netlink.run(namespace.path, [
      setSysctl(forwardingKey(4), wanted),
      getSysctl(forwardingKey(4)),
    ]);
    expect(value).to.equal(wanted);
    expect(namespace.exec('sysctl', '-n', 'net.ipv4.ip_forward').trim()).to.equal(wanted);
    expect(await test.netlink.one(other.path, getSysctl(forwardingKey(4)))).to.equal(before);
    expect(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')).to.equal(own);
    expect(await test.netlink.one(null, getSysctl(forwardingKey(4)))).to.equal(own.trim());
  });

  it('sets values of a link in the batch that makes it, also where its name has a dot', async () => {
    const namespace = test.namespace();
    const settings = { rp_filter: 2, proxy_arp: 1, arp_ignore: 1, arp_announce: 2 };
    await test.netlink.run(namespace.path, [
      { op: 'link.add', kind: 'veth', name: 'v0.5', peer: { name: 'v1' } },
      ...Object.entries(settings).map(([name, value]) => setSysctl(interfaceKey('v0.5', 4, name), value)),
      setSysctl(interfaceKey('v0.5', 6, 'accept_ra'), 0),
    ]);
    for (const [name, value] of Object.entries({ ...settings })) {
      expect(namespace.exec('cat', `/proc/sys/net/ipv4/conf/v0.5/${name}`).trim()).to.equal(String(value));
    }
    expect(namespace.exec('cat', '/proc/sys/net/ipv6/conf/v0.5/accept_ra').trim()).to.equal('0');
  });
});
