import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { MonitorEvent, MonitorGroup } from '../../agent/netlink/monitor.ts';
import type { RouteChange } from '../../agent/netlink/netlink.ts';
import { describeEach, fixture, run } from './support.ts';

/** Reads events until one satisfies `wanted`, and returns it. */
async function until(
  events: AsyncIterator<MonitorEvent, unknown>,
  wanted: (event: MonitorEvent) => boolean,
): Promise<MonitorEvent> {
  for (;;) {
    const next = await events.next();
    if (next.done === true) throw new Error('the monitor ended');
    if (wanted(next.value)) return next.value;
  }
}

describeEach('netlink: monitor', test => {
  it('ends for a reader that waits when it is stopped', async () => {
    const namespace = test.namespace();
    const monitor = await test.netlink.monitor(namespace.path, ['link']);
    const next = monitor[Symbol.asyncIterator]().next();
    monitor.stop();
    expect(await next).to.deep.equal({ value: undefined, done: true });
  });

  it('keeps no process alive', () => {
    const module = JSON.stringify(new URL('../../agent/netlink/open.ts', import.meta.url).href);
    const script = `
      import { openNetlink } from ${module};
      const netlink = await openNetlink('${test.backend}');
      await netlink.monitor(null, ['link']);
      console.log('listening');`;
    const text = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(text).to.equal('listening\n');
  });
});

describe('netlink: what the monitor reports (koffi)', () => {
  const test = fixture('koffi');

  it('reports links, addresses, routes and rules that come and go', async () => {
    const namespace = test.namespace();
    await using monitor = await test.netlink.monitor(namespace.path, [
      'link',
      'ipv4-address',
      'ipv6-address',
      'ipv4-route',
      'ipv6-route',
      'ipv4-rule',
      'ipv6-rule',
    ]);
    const events = monitor[Symbol.asyncIterator]();
    namespace.ip('link', 'add', 'name', 'v0', 'up', 'type', 'veth', 'peer', 'name', 'v1');
    namespace.ip('link', 'set', 'v1', 'up');
    const isLink = (action: string) => (event: MonitorEvent) =>
      event.type === 'link' && event.action === action && event.link.name === 'v0';
    const made = await until(events, event => isLink('new')(event) && event.type === 'link' && event.link.up);
    expect(made).to.have.nested.property('link.kind', 'veth');

    namespace.ip('address', 'add', '10.1.0.1/24', 'dev', 'v0');
    await until(events, event => event.type === 'address' && event.address.address === '10.1.0.1/24');
    namespace.ip('address', 'add', 'fd00::1/64', 'nodad', 'dev', 'v0');
    await until(events, event => event.type === 'address' && event.address.address === 'fd00::1/64');

    namespace.ip('route', 'add', '10.9.0.0/16', 'via', '10.1.0.9', 'table', '500', 'proto', '201');
    const route = await until(events, event => event.type === 'route' && event.route.table === 500);
    expect(route).to.deep.include({ action: 'new' }).and.to.have.nested.property('route.protocol', 201);
    namespace.ip('-6', 'route', 'add', 'fd09::/16', 'via', 'fd00::9', 'table', '501');
    await until(events, event => event.type === 'route' && event.route.dst === 'fd09::/16');
    namespace.ip('route', 'flush', 'table', '500');
    await until(events, event => event.type === 'route' && event.action === 'del' && event.route.dst === '10.9.0.0/16');

    namespace.ip('rule', 'add', 'from', '10.1.0.0/24', 'lookup', '500');
    await until(events, event => event.type === 'rule' && event.rule.from === '10.1.0.0/24');
    namespace.ip('-6', 'rule', 'add', 'from', 'fd00::/64', 'lookup', '500');
    await until(events, event => event.type === 'rule' && event.rule.from === 'fd00::/64');

    namespace.ip('link', 'del', 'v0');
    await until(events, isLink('del'));
  });

  it('hears nothing of other namespaces and of groups that it did not ask for', async () => {
    const [namespace, other] = [test.namespace(), test.namespace()];
    await using monitor = await test.netlink.monitor(namespace.path, ['link']);
    other.ip('link', 'add', 'name', 'br9', 'type', 'bridge');
    namespace.ip('rule', 'add', 'from', '10.1.0.0/24', 'lookup', '500');
    namespace.ip('link', 'add', 'name', 'br0', 'type', 'bridge');
    const next = await monitor[Symbol.asyncIterator]().next();
    expect(next.value).to.have.nested.property('link.name', 'br0');
  });

  it('tells of a link that leaves a bridge as of one that is still there', async () => {
    const namespace = test.namespace();
    namespace.ip('link', 'add', 'name', 'br0', 'type', 'bridge');
    namespace.ip('link', 'add', 'name', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
    await using monitor = await test.netlink.monitor(namespace.path, ['link']);
    namespace.ip('link', 'set', 'v0', 'master', 'br0');
    namespace.ip('link', 'set', 'v0', 'nomaster');
    namespace.ip('link', 'add', 'name', 'last', 'type', 'bridge');
    for await (const event of monitor) {
      if (event.type !== 'link' || event.link.name === 'last') break;
      expect(event).to.include({ action: 'new' });
      expect(event.link.kind).to.equal(event.link.name === 'v0' ? 'veth' : 'bridge');
    }
  });

  it('leaves out new routes of one protocol, however many, and nothing else', async () => {
    const namespace = test.namespace();
    const groups = ['ipv4-route', 'ipv4-rule'] as const;
    await using monitor = await test.netlink.monitor(namespace.path, groups, { exceptNewRoutesOf: 201 });
    const many = Array.from({ length: 30_000 }, (_, at): RouteChange => {
      return { op: 'route.add', dst: `10.${at >> 8}.${at & 255}.0/24`, type: 'blackhole', protocol: 201 };
    });
    await test.netlink.runAll(namespace.path, many);
    namespace.ip('route', 'add', 'blackhole', '10.0.0.9', 'proto', '202');
    namespace.ip('route', 'del', 'blackhole', '10.0.1.0/24', 'proto', '201');
    namespace.ip('rule', 'add', 'from', '10.1.0.0/24', 'lookup', '500', 'proto', '201');
    const heard: string[] = [];
    for await (const event of monitor) {
      if (event.type === 'route') heard.push(`${event.action} ${event.route.dst}`);
      else heard.push(event.type);
      if (event.type === 'rule') break;
    }
    expect(heard).to.deep.equal(['new 10.0.0.9/32', 'del 10.0.1.0/24', 'rule']);
  });

  it('says that everything has to be listed again when events were lost', async () => {
    const namespace = test.namespace();
    await using monitor = await test.netlink.monitor(namespace.path, ['ipv4-route']);
    // Nobody can read while this thread waits for the program that makes the routes.
    const routes = Array.from({ length: 30_000 }, (_, at) => `route add blackhole 10.${at >> 8}.${at & 255}.0/24\n`);
    execFileSync('ip', ['-n', namespace.name, '-batch', '-'], { input: routes.join('') });
    const event = await until(monitor[Symbol.asyncIterator](), ({ type }) => type === 'resync');
    expect(event).to.have.property('reason', 'overrun');
  });
});

describe('netlink: what the monitor reports (ip)', () => {
  const test = fixture('ip');
  const changed: MonitorEvent = { type: 'resync', reason: 'change' };

  const changes: readonly [MonitorGroup, ...string[]][] = [
    ['link', 'link', 'set', 'lo', 'mtu', '1400'],
    ['ipv4-address', 'address', 'add', '10.1.0.1/24', 'dev', 'lo'],
    ['ipv6-address', 'address', 'add', 'fd00::1/64', 'nodad', 'dev', 'lo'],
    ['ipv4-route', 'route', 'add', 'blackhole', '10.9.0.0/16', 'table', '500'],
    ['ipv6-route', 'route', 'add', 'blackhole', 'fd09::/16', 'table', '500'],
    ['ipv4-rule', 'rule', 'add', 'from', '10.1.0.0/24', 'lookup', '500'],
    ['ipv6-rule', 'rule', 'add', 'from', 'fd00::/64', 'lookup', '500'],
  ];
  for (const [group, ...command] of changes) {
    it(`says that something has changed in ${group}`, async () => {
      const [namespace, other] = [test.namespace(), test.namespace()];
      for (const { name } of [namespace, other]) run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
      await using monitor = await test.netlink.monitor(namespace.path, [group]);
      const events = monitor[Symbol.asyncIterator]();
      const family = command.some(word => word.includes('::')) ? ['-6'] : [];
      // Nothing of another namespace; the first event is the change's own.
      run('ip', ['-n', other.name, ...family, ...command]);
      run('ip', ['-n', namespace.name, ...family, ...command]);
      expect((await events.next()).value).to.deep.equal(changed);
    });
  }

  it('listens again after its program has ended, and says so', async () => {
    const namespace = test.namespace();
    // Other suites of the run may have programs of their own.
    const children = (): string[] => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
    const before = new Set(children());
    const ours = (): string[] => children().filter(pid => !before.has(pid));
    await using monitor = await test.netlink.monitor(namespace.path, ['link']);
    const events = monitor[Symbol.asyncIterator]();
    for (const pid of ours()) process.kill(Number(pid), 'SIGKILL');
    await until(events, event => event.type === 'resync' && event.reason === 'restart');
    namespace.ip('link', 'set', 'lo', 'up');
    await until(events, event => event.type === 'resync' && event.reason === 'change');
    monitor.stop();
    while (ours().length > 0) await setTimeout(5);
  });
});
