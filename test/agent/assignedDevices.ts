import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { annotation, attachmentsKey } from '../../core/api/names.ts';
import { pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { chainedConfig, emptyResult } from './cniCalls.ts';
import { addVirtualFunctions, assignDevices } from './devices.ts';
import type { Host } from './host.ts';
import { writeMovingPlugin } from './movingPlugin.ts';
import { describedNic, podsChanges } from './nicState.ts';
import { errorOf, multusConfig, resultOf, Sandbox } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';
import type { Site } from './site.ts';

/**
 * Cases of delegates.test.ts, on its site: virtual functions that the kubelet assigned to pods, and that come back.
 * @param at the site once it is up
 */
export function assignedDevices(at: () => Site): void {
  let site: Site;
  let host: Host;

  before(() => {
    site = at();
    host = site.hosts[0]!;
  });

  const described = (nic: string): object => describedNic(host, nic);

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

  it('no NIC of the host itself goes into a pod whose author wrote it beside them', async () => {
    addVirtualFunctions(host, { '0000:4d:01.0': 'eth1' });
    using sandbox = await Sandbox.make(site, host, 'forged');
    assignDevices(host, sandbox.pod.metadata.uid!, { 'example.com/handed': { '-1': ['0000:4d:01.0'] } });
    const written = ['eth2', 'eth3'].map(master => ({ master, netAddress: '', addresses: [] }));
    const config = await multusConfig(site, 'handed', { cniArgs: { [attachmentsKey]: written } });
    const answer = await sandbox.call('ADD', config);
    expect(sandbox.links()).to.deep.equal([]);
    // There is no such device: only that the plugin was told of it is seen.
    expect(errorOf(answer).msg).to.contain('0000:4d:01.0');
    await sandbox.del(config);
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
