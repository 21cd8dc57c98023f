import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { hostEndPrefix } from '../../agent/base/ownership.ts';
import { eventually } from '../eventually.ts';
import { suiteNeedsKinds } from '../netlink/support.ts';
import { spec } from './delegateSpec.ts';
import { isInside, testTimeoutMs } from './inside.ts';
import { kernelKindOf, nameOf, networkCases, networkSpec } from './networks.ts';
import { Program } from './programs.ts';
import { errorOf, linkNames, multusConfig, type PrintedResult, resultOf, Sandbox } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';
import { Site } from './site.ts';

/** Of the numbers of NICs a few are enough where a program's start takes seconds. */
const nics = isInside ? 4 : 8;
const counts = isInside ? [1, nics] : [1, 2, nics];
const crashMs = isInside ? 100 : 15;
const port = '7000';
const reach = join(import.meta.dirname, 'reach.ts');

describe('agent: attachments on two hosts', function () {
  this.timeout(testTimeoutMs);
  let site: Site;

  before(async function () {
    site = await Site.start({ hosts: 2, nics });
    for (const [i, network] of networkCases.entries()) {
      await site.addNetwork(nameOf(network), networkSpec(network, 200 + i));
    }
    const dual = networkSpec({ type: 'ptp', vlanMode: 'l3' }, 210);
    await site.addNetwork('ptp-dual', { ...dual, subnet: `${dual.subnet},fd00:210::/48` });
  });
  after(() => site[Symbol.asyncDispose]());

  /** Addresses of a result, without prefix, in interface order. */
  const addressesOf = (result: PrintedResult): string[] => result.ips.map(({ address }) => address.split('/')[0] ?? '');

  for (const network of networkCases) {
    const name = nameOf(network);
    describe(name, () => {
      before(function () {
        suiteNeedsKinds(this, kernelKindOf(network));
      });

      for (const count of counts) {
        it(`${count} NICs are made, reach the other host, pass CHECK and go with DEL`, async () => {
          const config = await multusConfig(site, name, { cniArgs: { nics: count } });
          using a = await Sandbox.make(site, site.hosts[0]!, `${name}-${count}-a`);
          using b = await Sandbox.make(site, site.hosts[1]!, `${name}-${count}-b`);
          const hostLinks = linkNames(a.host.namespace);
          const [left, right] = await Promise.all([a.add(config), b.add(config)]);

          const names = Array.from({ length: count }, (_, i) => `net1-${i}`);
          expect(left.interfaces.filter(({ sandbox }) => sandbox !== undefined).map(({ name }) => name)).to.deep.equal(
            names,
          );
          expect(left.ips.map(ip => ip.interface)).to.deep.equal(names.map((_, i) => i));
          expect(a.links()).to.deep.equal(names);

          await using listener = new Program(b.namespace.enter(process.execPath, reach, 'listen', port));
          await listener.firstOutput();
          const pairs = addressesOf(left).map((source, i) => `${source}>${addressesOf(right)[i]}`);
          const answers = await eventually('every NIC reaches its counterpart', () => {
            const text = a.namespace.exec(process.execPath, reach, 'try', port, ...pairs);
            const found = JSON.parse(text) as Record<string, string>;
            return Object.values(found).every(answer => answer === 'ok') ? found : undefined;
          });
          expect(Object.keys(answers)).to.deep.equal(pairs);

          expect(await a.check(config, left)).to.include({ exitCode: 0, stdout: '' });
          await a.del(config);
          await a.del(config);
          await b.del(config);
          expect(a.links()).to.deep.equal([]);
          expect(linkNames(a.host.namespace)).to.deep.equal(hostLinks);
        });
      }

      it('the name that was asked for leads to the first interface', async () => {
        const config = await multusConfig(site, name, { cniArgs: { nics: 2 } });
        using sandbox = await Sandbox.make(site, site.hosts[0]!, `${name}-name`);
        await sandbox.add(config);
        const [link] = JSON.parse(sandbox.namespace.ip('-j', 'link', 'show', 'dev', 'net1')) as { ifname: string }[];
        expect(link?.ifname).to.equal('net1-0');
        await sandbox.del(config);
      });

      it(`CHECK names what was changed`, async () => {
        const config = await multusConfig(site, name, { cniArgs: { nics: 2 } });
        using sandbox = await Sandbox.make(site, site.hosts[0]!, `${name}-check`);
        const result = await sandbox.add(config);
        if (network.type !== 'ipvlan') {
          const { mac } = result.interfaces[0]!;
          sandbox.namespace.ip('link', 'set', 'net1-0', 'address', '02:00:00:00:00:99', 'mtu', '1400');
          // As the plugin `tuning` may have done; only the host's end of a ptp link depends on it.
          const { stdout } = await sandbox.check(config, result);
          if (network.type === 'ptp') expect(stdout).to.contain('the hardware address 02:00:00:00:00:99');
          else expect(stdout).to.equal('');
          sandbox.namespace.ip('link', 'set', 'net1-0', 'address', mac);
        }
        sandbox.namespace.ip('address', 'flush', 'dev', 'net1-1', 'scope', 'global');
        const lost = errorOf(await sandbox.check(config, result));
        expect(lost.code).to.equal(102);
        expect(lost.msg).to.contain('net1-1 lacks the address').and.contain(result.ips[1]!.address);
        sandbox.namespace.ip('link', 'del', 'net1-0');
        expect(errorOf(await sandbox.check(config, result)).msg).to.equal('interface net1-0 is gone');
        await sandbox.del(config);
      });

      it(`an interface that something else made is refused and left alone`, async () => {
        const config = await multusConfig(site, name, { cniArgs: { nics: 2 } });
        using sandbox = await Sandbox.make(site, site.hosts[0]!, `${name}-taken`);
        sandbox.namespace.ip('link', 'add', 'net1-1', 'type', 'veth', 'peer', 'name', 'other');
        const links = sandbox.links();
        const hostLinks = linkNames(sandbox.host.namespace);
        expect(errorOf(await sandbox.call('ADD', config)).details).to.contain('MNN_INTERFACE_EXISTS');
        await sandbox.del(config);
        expect(sandbox.links()).to.deep.equal(links);
        expect(linkNames(sandbox.host.namespace)).to.deep.equal(hostLinks);
      });

      it(`DEL succeeds when the namespace is gone, and takes the host's part away`, async () => {
        const config = await multusConfig(site, name);
        const hostLinks = linkNames(site.hosts[0]!.namespace);
        using sandbox = await Sandbox.make(site, site.hosts[0]!, `${name}-gone`);
        await sandbox.add(config);
        sandbox.namespace[Symbol.dispose]();
        await sandbox.del(config);
        const ending = await sandbox.call('DEL', config, { netns: '' });
        expect(ending).to.include({ exitCode: 0, stdout: '' });
        await eventually('the links are gone', () => linkNames(site.hosts[0]!.namespace).length === hostLinks.length);
      });

      // At every step: crashes.test.ts, for one type.
      it('ADD again, after the agent was killed during the first, starts clean', async () => {
        const [host] = site.hosts;
        const config = await multusConfig(site, name, { cniArgs: { nics: 4 } });
        const hostLinks = linkNames(host!.namespace);
        using sandbox = await Sandbox.make(site, host!, `${name}-crash`);
        const interrupted = sandbox.call('ADD', config);
        await delay(crashMs);
        await host!.stopAgent('SIGKILL');
        await host!.startAgent();
        const first = await interrupted;
        // On a slow machine the call may have reached only the next agent, which then made all of it: a second ADD is refused.
        const result = resultOf(first.exitCode === 0 ? first : await sandbox.call('ADD', config));
        expect(sandbox.links()).to.deep.equal(['net1-0', 'net1-1', 'net1-2', 'net1-3']);
        expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
        await sandbox.del(config);
        expect(sandbox.links()).to.deep.equal([]);
        expect(linkNames(host!.namespace)).to.deep.equal(hostLinks);
      });
    });
  }

  it('ptp: the host has its routes to pods again after a flush', async () => {
    const config = await multusConfig(site, 'ptp', { cniArgs: { nics: 2 } });
    using sandbox = await Sandbox.make(site, site.hosts[0]!, 'flushed');
    await sandbox.add(config);
    const { namespace } = site.hosts[0]!;
    const routes = (): string => namespace.ip('route', 'show', 'proto', '77');
    const before = routes();
    expect(before.trim().split('\n')).to.have.length(2);
    namespace.ip('route', 'flush', 'proto', '77');
    await eventually('the routes', () => routes() === before);
    await sandbox.del(config);
    expect(routes()).to.equal('');
  });

  it('ptp: a link whose end on the host was down for a moment leads to the pod again', async () => {
    const config = await multusConfig(site, 'ptp-dual', { cniArgs: { nics: 1 } });
    const [host] = site.hosts;
    using sandbox = await Sandbox.make(site, host!, 'down-and-up');
    await sandbox.add(config);
    const [end = ''] = linkNames(host!.namespace).filter(name => name.startsWith(hostEndPrefix));
    const ways = (): string =>
      [['-4', 'route'], ['-6', 'route'], ['neigh']]
        .map(what => host!.namespace.ip(...what, 'show', 'dev', end))
        .join('');
    const before = ways();
    host!.namespace.batch([`link set ${end} down`, `link set ${end} up`]);
    await eventually('routes and neighbours', () => ways() === before);
    await sandbox.del(config);
  });

  it('ptp: a host that was without IPv6 for a while leads to the pod again', async () => {
    const config = await multusConfig(site, 'ptp-dual', { cniArgs: { nics: 1 } });
    const [host] = site.hosts;
    using sandbox = await Sandbox.make(site, host!, 'without-ipv6');
    await sandbox.add(config);
    const [end = ''] = linkNames(host!.namespace).filter(name => name.startsWith(hostEndPrefix));
    const ways = (): string =>
      [
        ['-6', 'route'],
        ['-6', 'neigh'],
      ]
        .map(what => host!.namespace.ip(...what, 'show', 'dev', end))
        .join('');
    const before = ways();
    const switchOff = (value: 0 | 1): void => {
      host!.namespace.exec('sysctl', '-qw', `net.ipv6.conf.all.disable_ipv6=${value}`);
    };
    switchOff(1);
    expect(ways()).to.equal('');
    await delay(3000); // the agent has tried what the kernel refuses
    switchOff(0);
    await eventually('routes and neighbours', () => ways() === before);
    await sandbox.del(config);
  });

  it('ptp: of two sandboxes of a pod the later one has its addresses, whatever happens to other routes', async () => {
    const config = await multusConfig(site, 'ptp', { cniArgs: { nics: 1 } });
    const [host] = site.hosts;
    using other = await Sandbox.make(site, host!, 'other');
    using earlier = await Sandbox.make(site, host!, 'replaced');
    const [{ address } = { address: '' }] = (await other.add(config)).ips;
    await earlier.add(config);
    using later = new Sandbox(host!, earlier.pod);
    const result = await later.add(config);
    host!.namespace.ip('route', 'del', address, 'proto', '77');
    await eventually('its route', () => host!.namespace.ip('route', 'show', address) !== '');
    expect(await later.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    await earlier.del(config);
    expect(await later.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    for (const sandbox of [later, other]) await sandbox.del(config);
  });

  it('ptp: an ADD that takes so long that the pod has another sandbox by then leaves that its addresses', async () => {
    const [host] = site.hosts;
    const result = { cniVersion: '1.0.0', ips: [{ address: '198.51.100.7/24' }] };
    const plugin = new ScriptedPlugin(host!.ownPlugins, 'numbering', result);
    await site.addNetwork('numbered', spec({ type: 'numbering' }, { type: 'ptp' }));
    const config = await multusConfig(site, 'numbered', { cniArgs: { nics: 1 } });
    using earlier = await Sandbox.make(site, host!, 'slow');
    plugin.delay('ADD', result);
    const late = earlier.call('ADD', config);
    await eventually('the first ADD is under way', () => plugin.calls.length === 1);
    plugin.answer(result);
    using later = new Sandbox(host!, earlier.pod);
    const made = await later.add(config);
    const { code, msg } = errorOf(await late);
    expect([code, msg]).to.deep.equal([11, 'network numbered: the call took so long that its pod has another sandbox']);
    expect(earlier.links()).to.deep.equal([]);
    for (const call of ['CHECK', 'DEL', 'CHECK']) {
      if (call === 'DEL') await earlier.del(config);
      else expect(await later.check(config, made)).to.include({ exitCode: 0, stdout: '' });
    }
    await later.del(config);
  });

  it('ptp: a link carries what its NIC carries, where the network says nothing else', async () => {
    const [host] = site.hosts;
    const config = await multusConfig(site, 'ptp', { cniArgs: { nics: 2 } });
    using sandbox = await Sandbox.make(site, host!, 'jumbo');
    host!.namespace.ip('link', 'set', 'eth1', 'mtu', '9000');
    try {
      await sandbox.add(config);
      const mtus = ['net1-0', 'net1-1'].map(
        name => / mtu (\d+) /.exec(sandbox.namespace.ip('link', 'show', name))?.[1],
      );
      expect(mtus).to.deep.equal(['9000', '1500']);
      await sandbox.del(config);
    } finally {
      host!.namespace.ip('link', 'set', 'eth1', 'mtu', '1500');
    }
  });

  it('serves many sandboxes at once, with distinct addresses', async () => {
    const config = await multusConfig(site, 'ptp', { cniArgs: { nics: 2 } });
    const sandboxes = await Promise.all(
      Array.from({ length: 12 }, (_, i) => Sandbox.make(site, site.hosts[i % 2]!, `many-${i}`)),
    );
    const results = await Promise.all(sandboxes.map(sandbox => sandbox.add(config)));
    const addresses = results.flatMap(addressesOf);
    expect(new Set(addresses)).to.have.property('size', 24);
    await Promise.all(sandboxes.map(sandbox => sandbox.del(config)));
    for (const sandbox of sandboxes) sandbox[Symbol.dispose]();
  });
});
