import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { annotation } from '../../core/api/names.ts';
import { hostInterfaces, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { chainedConfig, emptyResult } from './cniCalls.ts';
import { addVirtualFunctions, assignDevices } from './devices.ts';
import type { Host } from './host.ts';
import { writeMovingPlugin } from './movingPlugin.ts';
import { Namespace } from './namespaces.ts';
import { errorOf, linkNames, multusConfig, resultOf, Sandbox } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';
import type { Site } from './site.ts';

/**
 * Cases of delegates.test.ts, on its site: NICs and virtual functions of the host that plugins put into pods, and that come back.
 * @param at the site once it is up
 */
export function movedNics(at: () => Site): void {
  let site: Site;
  let host: Host;

  before(() => {
    site = at();
    host = site.hosts[0]!;
  });

  /** What a pod may change of a NIC that it has. */
  const podsChanges = (nic: string): string[] => [
    `link set ${nic} down`,
    `link set ${nic} address 02:00:00:00:00:99 mtu 1400`,
    `link set ${nic} up`,
  ];

  /** What a NIC has on the host that it must not lose in a pod. */
  function described(nic: string): object {
    const { ifname, mtu, address, altnames, flags } = (
      JSON.parse(host.namespace.ip('-j', 'link', 'show', nic)) as {
        readonly ifname: string;
        readonly mtu: number;
        readonly address: string;
        readonly altnames?: string[];
        readonly flags: string[];
      }[]
    )[0]!;
    return { ifname, mtu, address, altnames, isUp: flags.includes('UP') };
  }

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

  it('sriov gets the devices that the kubelet assigned, with the settings of the network, in the order of their addresses', async () => {
    const result = { cniVersion: '1.0.0', interfaces: [{ name: 'any', mac: '02:00:00:00:00:01', sandbox: '/x' }] };
    const plugin = new ScriptedPlugin(host.ownPlugins, 'sriov', result);
    using sandbox = await Sandbox.make(site, host, 'virtual');
    const config = await multusConfig(site, 'virtual', { cniArgs: { keep: 'me' } });
    expect(errorOf(await sandbox.call('ADD', config)).details).to.contain('MNN_DEVICE_MISSING');
    addVirtualFunctions(host, { '0000:3b:02.1': 'eth2', '0000:3b:01.0': 'eth1' });
    assignDevices(host, sandbox.pod.metadata.uid!, {
      'openshift.io/virtual': { '-1': ['0000:3b:02.1', '0000:3b:01.0'] },
    });
    const { interfaces } = resultOf(await sandbox.call('ADD', config));
    expect(interfaces.map(({ name }) => name)).to.deep.equal(['net1-0', 'net1-1']);
    const [first, second] = plugin.calls;
    expect(first?.conf).to.deep.equal({
      cniVersion: '1.0.0',
      name: 'virtual',
      type: 'sriov',
      vlan: 999,
      vlanQoS: 3,
      spoofchk: 'on',
      trust: 'off',
      max_tx_rate: 100,
      link_state: 'auto',
      deviceID: '0000:3b:01.0',
      ipam: { type: 'static', addresses: [{ address: '10.231.0.1/19' }] },
      runtimeConfig: { deviceID: '0000:3b:01.0' },
      args: { cni: { keep: 'me' } },
    });
    expect(second?.conf).to.deep.include({
      deviceID: '0000:3b:02.1',
      ipam: { type: 'static', addresses: [{ address: '10.231.32.1/19' }] },
    });
    expect(first?.args).to.contain('K8S_POD_NAME=virtual');
    await sandbox.del(config);
    const deleted = plugin.calls.filter(({ command }) => command === 'DEL');
    expect(deleted.map(({ ifname, conf }) => [ifname, conf.prevResult])).to.deep.equal([
      ['net1-1', result],
      ['net1-0', result],
    ]);
  });

  it('any other plugin whose network names a resource gets a device at each call, and nothing that the pod asks of us', async () => {
    const plugin = new ScriptedPlugin(host.ownPlugins, 'ib-sriov', { cniVersion: '1.0.0' });
    using sandbox = await Sandbox.make(site, host, 'infiniband');
    const config = await multusConfig(site, 'infiniband', {
      cniArgs: { nics: 2, guid: '02:00:00:00:00:00:00:02' },
      runtimeConfig: { infinibandGUID: '02:00:00:00:00:00:00:01' },
    });
    expect(errorOf(await sandbox.call('ADD', config)).details).to.contain('MNN_DEVICE_MISSING');
    addVirtualFunctions(host, { '0000:c1:00.1': 'eth1', '0000:c1:00.2': 'eth2' });
    const ids = ['0000:c1:00.1', '0000:c1:00.2'];
    assignDevices(host, sandbox.pod.metadata.uid!, { 'nvidia.com/ib_vf': { '-1': ids } });
    const result = await sandbox.add(config);
    expect((await sandbox.check(config, result)).stdout).to.equal('');
    await sandbox.del(config);
    const calls = plugin.calls.map(({ command, conf: { deviceID } }) => [command, deviceID]);
    expect(calls).to.deep.equal([
      ...ids.flatMap(id => [['ADD', id]]),
      ...ids.flatMap(id => [['CHECK', id]]),
      ...ids.toReversed().flatMap(id => [['DEL', id]]),
    ]);
    for (const { command, conf } of plugin.calls) {
      const { deviceID, prevResult, ...rest } = conf;
      expect(prevResult, command).to.deep.equal(command === 'ADD' ? undefined : { cniVersion: '1.0.0' });
      expect(rest, command).to.deep.equal({
        cniVersion: '1.0.0',
        name: 'infiniband',
        type: 'ib-sriov',
        pkey: '0x7fff',
        link_state: 'enable',
        rdmaIsolation: true,
        ipam: {},
        runtimeConfig: { infinibandGUID: '02:00:00:00:00:00:00:01', deviceID },
        args: { cni: { guid: '02:00:00:00:00:00:00:02' } },
      });
    }
    plugin.forget();
  });

  it('two attachments of a pod share its devices, and get no other', async () => {
    const plugin = new ScriptedPlugin(host.ownPlugins, 'sriov', { cniVersion: '1.0.0', interfaces: [{ name: 'any' }] });
    const before = plugin.calls.length;
    addVirtualFunctions(host, { '0000:5e:01.0': 'eth1', '0000:5e:01.1': 'eth1', '0000:5e:02.0': 'eth2' });
    using sandbox = await Sandbox.make(site, host, 'shared', { [annotation.networks]: 'shared, shared' });
    assignDevices(host, sandbox.pod.metadata.uid!, {
      'openshift.io/shared': { '0': ['0000:5e:01.1'], '1': ['0000:5e:01.0'] },
      'nvidia.com/other': { '-1': ['0000:5e:02.0'] },
    });
    const config = await multusConfig(site, 'shared');
    for (const ifname of ['net1', 'net2']) resultOf(await sandbox.call('ADD', config, { ifname }));
    expect(plugin.calls.slice(before).map(({ ifname, conf }) => [ifname, conf.deviceID])).to.deep.equal([
      ['net1-0', '0000:5e:01.0'],
      ['net2-0', '0000:5e:01.1'],
    ]);
    expect(errorOf(await sandbox.call('ADD', config, { ifname: 'net3' })).details).to.contain('MNN_DEVICE_MISSING');
  });

  it('functions without a link, of a driver in user space, may have addresses: nothing is made with them', async () => {
    const plugin = new ScriptedPlugin(host.ownPlugins, 'sriov', {});
    addVirtualFunctions(host, { '0000:6e:01.0': 'eth1', '0000:6e:01.1': 'eth1' });
    using sandbox = await Sandbox.make(site, host, 'packets', { [annotation.networks]: 'packets, packets' });
    assignDevices(host, sandbox.pod.metadata.uid!, {
      'openshift.io/packets': { '-1': ['0000:6e:01.0', '0000:6e:01.1'] },
    });
    const config = await multusConfig(site, 'packets');
    for (const [i, ifname] of ['net1', 'net2'].entries()) {
      const address = `10.236.0.${i + 1}/19`;
      plugin.answer({ cniVersion: '1.0.0', interfaces: [{ name: `${ifname}-0`, sandbox: '/x' }], ips: [{ address }] });
      const result = resultOf(await sandbox.call('ADD', config, { ifname }));
      expect(result.ips.map(ip => ip.address)).to.deep.equal([address]);
      const check = { ...config, cniVersion: '1.0.0', prevResult: result };
      expect(await sandbox.call('CHECK', check, { ifname })).to.include({ stdout: '' });
    }
    for (const ifname of ['net1', 'net2']) expect((await sandbox.call('DEL', config, { ifname })).stdout).to.equal('');
    plugin.forget();
  });

  it('without Multus the network-status names the device of each interface, as Multus has it', async () => {
    const plugin = new ScriptedPlugin(host.ownPlugins, 'sriov', { cniVersion: '1.0.0' });
    addVirtualFunctions(host, { '0000:7e:01.0': 'eth1' });
    const selection = { [annotation.networks]: 'packets, moved' };
    using sandbox = await Sandbox.make(site, host, 'told', selection);
    assignDevices(host, sandbox.pod.metadata.uid!, { 'openshift.io/packets': { '-1': ['0000:7e:01.0'] } });
    const config = chainedConfig('1.0.0', emptyResult);
    await sandbox.add(config, 'eth0');
    const text = await eventually('the status', async () => {
      const pod = await site.client.get(pods, { namespace: 'default', name: 'told' });
      return pod.metadata.annotations?.[annotation.networkStatus];
    });
    const status = JSON.parse(text) as { interface: string; 'device-info'?: object }[];
    expect(status.slice(1, 3).map(one => [one.interface, one['device-info']])).to.deep.equal([
      ['net1-0', { type: 'pci', version: '1.1.0', pci: { 'pci-address': '0000:7e:01.0' } }],
      ['net2-0', undefined],
    ]);
    expect(await sandbox.call('DEL', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
    await site.removePod('told');
    plugin.forget();
  });

  describe('functions that have a netdev', () => {
    const functions = { '0000:81:01.0': 'vf0', '0000:81:01.1': 'vf1' };
    const resources = { shared: 'openshift.io/shared', infiniband: 'nvidia.com/ib_vf' };
    const config = (network: string): Promise<object> => multusConfig(site, network, { cniArgs: { nics: 1 } });

    before(() => {
      addVirtualFunctions(host, { '0000:81:01.0': 'eth1', '0000:81:01.1': 'eth2' }, functions);
      for (const vf of Object.values(functions)) {
        host.namespace.ip('link', 'add', vf, 'type', 'veth', 'peer', 'name', `${vf}-peer`);
      }
      for (const type of ['sriov', 'ib-sriov']) writeMovingPlugin(host, type, functions);
    });

    async function attached(
      name: string,
      device: keyof typeof functions,
      network: keyof typeof resources,
    ): Promise<Sandbox> {
      const sandbox = await Sandbox.make(site, host, name);
      assignDevices(host, sandbox.pod.metadata.uid!, { [resources[network]]: { '-1': [device] } });
      await sandbox.add(await config(network));
      expect(sandbox.links()).to.deep.equal(['net1-0']);
      return sandbox;
    }

    it('each comes back as it was, whatever the others were called and whichever plugin took it', async () => {
      const before = Object.values(functions).map(described);
      using first = await attached('first-function', '0000:81:01.0', 'shared');
      using second = await attached('second-function', '0000:81:01.1', 'infiniband');
      for (const [sandbox, network] of [
        [first, 'shared'],
        [second, 'infiniband'],
      ] as const) {
        sandbox.namespace.batch(podsChanges('net1-0'));
        await sandbox.del(await config(network));
      }
      expect(Object.values(functions).map(described)).to.deep.equal(before);
    });

    it('one whose namespace has vanished is found by its device', async () => {
      const before = described('vf0');
      const sandbox = await attached('vanished-function', '0000:81:01.0', 'shared');
      const { namespace } = sandbox;
      namespace.batch(podsChanges('net1-0'));
      // As the kernel does, which takes a namespace of tests and what is in it away together.
      namespace.ip('link', 'set', 'net1-0', 'down');
      namespace.ip('link', 'set', 'net1-0', 'name', 'dev9', 'netns', host.namespace.name);
      namespace[Symbol.dispose]();
      const folder = join(host.folder, 'sys/bus/pci/devices/0000:81:01.0/net');
      renameSync(join(folder, 'vf0'), join(folder, 'dev9'));
      await sandbox.del(await config('shared'));
      expect(described('vf0')).to.deep.equal(before);
      renameSync(join(folder, 'dev9'), join(folder, 'vf0'));
    });
  });
}
