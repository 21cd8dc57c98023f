import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { hostInterfaces } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import type { Host } from './host.ts';
import { killedDuring } from './killed.ts';
import { Namespace } from './namespaces.ts';
import { describedNic, podsChanges } from './nicState.ts';
import { errorOf, linkNames, multusConfig, Sandbox } from './sandbox.ts';
import type { Site } from './site.ts';

/**
 * Cases of delegates.test.ts, on its site: NICs of the host that host-device puts into pods, and that come back.
 * @param at the site once it is up
 */
export function movedNics(at: () => Site): void {
  let site: Site;
  let host: Host;

  before(() => {
    site = at();
    host = site.hosts[0]!;
  });

  const described = (nic: string): object => describedNic(host, nic);

  it("host-device: the NIC goes into the pod with the host's address, stays known, and comes back", async () => {
    const config = await multusConfig(site, 'moved', { cniArgs: { masters: ['eth4'] } });
    const before = described('eth4');
    using sandbox = await Sandbox.make(site, host, 'moved');
    const result = await sandbox.add(config);
    expect(result.ips.map(({ address }) => address)).to.deep.equal(['172.20.4.11/24']);
    expect(linkNames(host.namespace)).not.to.include('eth4');
    expect(sandbox.links()).to.deep.equal(['net1-0']);
    host.namespace.ip('link', 'add', 'eth9', 'type', 'veth', 'peer', 'name', 'eth9p');
    host.namespace.ip('address', 'add', '172.20.9.11/24', 'dev', 'eth9');
    const known = await eventually('eth9 is known', async () => {
      const { spec } = await site.client.get(hostInterfaces, { name: host.nodeName });
      const names = spec.interfaces.map(({ interfaceName }) => interfaceName);
      return names.includes('eth9') ? names : undefined;
    });
    expect(known).to.deep.equal(['eth1', 'eth2', 'eth3', 'eth4', 'eth9']);
    host.namespace.ip('link', 'del', 'eth9');
    sandbox.namespace.batch(podsChanges('net1-0'));
    await sandbox.del(config);
    expect(described('eth4')).to.deep.equal(before);
    expect(host.namespace.ip('-o', 'address', 'show', 'dev', 'eth4', 'up')).to.contain('172.20.4.11/24');
    await sandbox.del(config);
    await site.removePod('moved');
  });

  it('host-device: a NIC that the pod has renamed comes back, too', async () => {
    const config = await multusConfig(site, 'moved', { cniArgs: { masters: ['eth4'] } });
    const before = described('eth4');
    using sandbox = await Sandbox.make(site, host, 'renamed');
    const attached = (): Promise<boolean> => sandbox.call('ADD', config).then(({ exitCode }) => exitCode === 0);
    await eventually('the NIC is free', attached);
    sandbox.namespace.batch(['link set net1-0 down', 'link set net1-0 name wan0', 'link set wan0 up']);
    await sandbox.del(config);
    expect(sandbox.links()).to.deep.equal([]);
    expect(described('eth4')).to.deep.equal(before);
    expect(host.namespace.ip('-o', 'address', 'show', 'dev', 'eth4', 'up')).to.contain('172.20.4.11/24');
    await site.removePod('renamed');
  });

  it('host-device: a NIC comes back whatever names the pod gave it, others of the host among them, and has its own', async () => {
    const config = await multusConfig(site, 'moved', { cniArgs: { masters: ['eth4'] } });
    const alternative = (change: string, name: string): string => `link property ${change} dev net1-0 altname ${name}`;
    host.namespace.ip('link', 'property', 'add', 'dev', 'eth4', 'altname', 'enp4s0');
    const before = described('eth4');
    using sandbox = await Sandbox.make(site, host, 'alternatives');
    await eventually('the NIC is free', async () => (await sandbox.call('ADD', config)).exitCode === 0);
    const added = ['eth1', ...Array.from({ length: 40 }, (_, i) => `more${i}`)];
    sandbox.namespace.batch([
      alternative('del', 'enp4s0'),
      ...added.map(name => alternative('add', name)),
      'link set net1-0 alias eth1',
    ]);
    await sandbox.del(config);
    expect(described('eth4')).to.deep.equal(before);
    host.namespace.ip('link', 'property', 'del', 'dev', 'eth4', 'altname', 'enp4s0');
    await site.removePod('alternatives');
  });

  it('host-device: a NIC comes back, and nothing else, where the pod has exchanged its name with that of a link of its own', async () => {
    const config = await multusConfig(site, 'moved', { cniArgs: { masters: ['eth4'] } });
    const before = [described('eth4'), linkNames(host.namespace)];
    using sandbox = await Sandbox.make(site, host, 'exchanged');
    await eventually('the NIC is free', async () => (await sandbox.call('ADD', config)).exitCode === 0);
    sandbox.namespace.batch([
      'link set net1-0 down',
      'link set net1-0 name wan0',
      'link add net1-0 type veth peer name other',
    ]);
    await sandbox.del(config);
    expect([described('eth4'), linkNames(host.namespace)]).to.deep.equal(before);
    expect(host.namespace.ip('-o', 'address', 'show', 'dev', 'eth4', 'up')).to.contain('172.20.4.11/24');
    await site.removePod('exchanged');
  });

  it('host-device: a NIC that has only half come back waits for that before it goes into the next sandbox, which would give it back as it was then', async () => {
    const config = await multusConfig(site, 'moved', { cniArgs: { masters: ['eth4'] } });
    const before = described('eth4');
    using first = await Sandbox.make(site, host, 'sandboxed-twice');
    await eventually('the NIC is free', async () => (await first.call('ADD', config)).exitCode === 0);
    await killedDuring(host, () => first.call('DEL', config), 'del.delegate');
    using second = new Sandbox(host, first.pod);
    const { code, msg } = errorOf(await second.call('ADD', config));
    await first.del(config);
    expect(described('eth4')).to.deep.equal(before);
    await second.add(config);
    await second.del(config);
    expect(described('eth4')).to.deep.equal(before);
    expect([code, msg]).to.deep.equal([
      11,
      'network moved: eth4 went into pod default/sandboxed-twice, and has not come back wholly yet',
    ]);
    await site.removePod('sandboxed-twice');
  });

  describe('host-device, of a pod whose namespace has vanished', () => {
    /** Its NIC waits elsewhere under the name that the kernel gives it where the pod's is taken: that of a namespace of tests goes with it. */
    async function vanish(name: string): Promise<{ sandbox: Sandbox; elsewhere: Namespace; config: object }> {
      const config = await multusConfig(site, 'moved', { cniArgs: { masters: ['eth3'] } });
      const sandbox = await Sandbox.make(site, host, name);
      await eventually('the NIC is free', async () => (await sandbox.call('ADD', config)).exitCode === 0);
      const elsewhere = new Namespace('elsewhere');
      const { namespace } = sandbox;
      namespace.ip('link', 'set', 'net1-0', 'down');
      namespace.ip('link', 'set', 'net1-0', 'name', 'dev7', 'netns', elsewhere.name);
      namespace[Symbol.dispose]();
      return { sandbox, elsewhere, config };
    }
    const addresses = (): string => host.namespace.ip('-o', 'address', 'show', 'dev', 'eth3');

    it('the NIC is waited for, which the kernel gives back when it comes to it', async () => {
      const { sandbox, elsewhere, config } = await vanish('vanished');
      const deleted = sandbox.del(config);
      await setTimeout(1000);
      elsewhere.ip('link', 'set', 'dev7', 'netns', host.namespace.name);
      await deleted;
      expect(addresses()).to.contain('172.20.3.11/24');
      elsewhere[Symbol.dispose]();
      await site.removePod(sandbox.pod.metadata.name);
    });

    it('the NIC gets back what the pod has changed, also where only the sweep finds that it is back', async () => {
      const before = described('eth3');
      const { sandbox, elsewhere } = await vanish('swept');
      await host.stopAgent('SIGKILL');
      elsewhere.batch(podsChanges('dev7'));
      elsewhere.ip('link', 'set', 'dev7', 'netns', host.namespace.name);
      await host.startAgent();
      await eventually('the NIC is as it was', () => {
        try {
          expect(described('eth3')).to.deep.equal(before);
          return addresses().includes('172.20.3.11/24');
        } catch {
          return false;
        }
      });
      elsewhere[Symbol.dispose]();
      await site.removePod(sandbox.pod.metadata.name);
    });

    it('after a reboot the NIC is left as the host has set it up', async () => {
      const { sandbox, elsewhere, config } = await vanish('before-reboot');
      await host.stopAgent('SIGKILL');
      const folder = join(host.folder, 'state', 'attachments');
      for (const file of readdirSync(folder).map(entry => join(folder, entry))) {
        writeFileSync(file, readFileSync(file, 'utf8').replace(/"bootId":"[^"]*"/, '"bootId":"an earlier one"'));
      }
      elsewhere.ip('link', 'property', 'del', 'dev', 'dev7', 'altname', 'net1');
      elsewhere.ip('link', 'set', 'dev7', 'name', 'eth3', 'netns', host.namespace.name);
      host.namespace.ip('address', 'add', '172.20.3.99/24', 'dev', 'eth3');
      await host.startAgent();
      await sandbox.del(config);
      expect(readdirSync(folder)).to.deep.equal([]);
      expect(addresses()).to.contain('172.20.3.99/24').and.not.to.contain('172.20.3.11');
      elsewhere[Symbol.dispose]();
      await site.removePod(sandbox.pod.metadata.name);
    });
  });
}
