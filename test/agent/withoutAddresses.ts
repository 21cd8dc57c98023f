import { expect } from 'chai';
import { annotation, attachmentsKey, label } from '../../core/api/names.ts';
import { readPool } from '../../core/pool/content.ts';
import { hostInterfaces, ipPools, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { chainedConfig, emptyResult } from './cniCalls.ts';
import { addVirtualFunctions, assignDevices } from './devices.ts';
import type { Host } from './host.ts';
import { errorOf, linkNames, multusConfig, Sandbox } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';
import type { Site } from './site.ts';

/**
 * Cases of delegates.test.ts, on its site: networks whose configuration names no IPAM plugin.
 * @param at the site once it is up
 */
export function withoutAddresses(at: () => Site): void {
  let site: Site;
  let host: Host;
  const plugin = { cniVersion: '1.0.0', type: 'macvlan' };

  before(async () => {
    site = at();
    host = site.hosts[0]!;
    await site.addNetwork('bare', { ipam: '{}', plugin });
    await site.addNetwork('bare-bridge', { plugin: { ...plugin, type: 'bridge', args: { bridge: 'br-bare' } } });
    await site.addNetwork('bare-nic', { ipam: '', plugin: { ...plugin, type: 'host-device' } });
    await site.addNetwork('bare-vf', { ipam: '{"type":""}', plugin: { ...plugin, type: 'sriov' } });
  });

  const addressesIn = ({ namespace }: Sandbox): string =>
    namespace.ip('-o', 'address', 'show', 'scope', 'global').trim();
  const attachments = (...masters: string[]): object => ({
    [attachmentsKey]: masters.map(master => ({ master, netAddress: '', addresses: [] })),
  });

  it('the agent makes links that are up and have none, on the NICs that admission chose, and takes them away', async () => {
    const config = await multusConfig(site, 'bare', { cniArgs: attachments('eth3', 'eth2') });
    using sandbox = await Sandbox.make(site, host, 'bare');
    const result = await sandbox.add(config);
    expect(result.ips).to.deep.equal([]);
    expect(result.interfaces.map(({ name }) => name)).to.deep.equal(['net1-0', 'net1-1']);
    expect(sandbox.namespace.ip('-o', 'link', 'show', 'up'))
      .to.contain('net1-0')
      .and.contain('net1-1');
    expect(addressesIn(sandbox)).to.equal('');
    const [parent] = host.namespace.ip('-o', 'link', 'show', 'eth3').split(':');
    expect(sandbox.namespace.ip('-o', 'link', 'show', 'net1-0')).to.contain(`net1-0@if${parent}`);
    expect(await sandbox.call('STATUS', config)).to.include({ exitCode: 0, stdout: '' });
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    sandbox.namespace.ip('link', 'set', 'net1-1', 'down');
    expect(errorOf(await sandbox.check(config, result)).msg).to.equal('interface net1-1 is down');
    await sandbox.del(config);
    expect(sandbox.links()).to.deep.equal([]);
    const { items } = await site.client.list(ipPools);
    expect(items.filter(({ spec }) => spec.network === 'bare')).to.deep.equal([]);
  });

  it('what the runtime does not know goes with GC', async () => {
    const config = await multusConfig(site, 'bare', { cniArgs: { nics: 1 } });
    using sandbox = await Sandbox.make(site, host, 'bare-forgotten');
    await sandbox.add(config);
    expect(await sandbox.call('GC', { ...config, 'cni.dev/valid-attachments': [] })).to.include({ exitCode: 0 });
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('without Multus the pod says which interfaces it has', async () => {
    const element = { name: 'bare', 'cni-args': attachments('eth2') };
    using sandbox = await Sandbox.make(site, host, 'bare-chained', {
      [annotation.networks]: JSON.stringify([element]),
    });
    const config = chainedConfig('1.0.0', emptyResult);
    await sandbox.add(config, 'eth0');
    expect(sandbox.links()).to.deep.equal(['net1-0']);
    const text = await eventually('the status', async () => {
      const { metadata } = await site.client.get(pods, { namespace: 'default', name: 'bare-chained' });
      return metadata.annotations?.[annotation.networkStatus];
    });
    const [, own] = JSON.parse(text) as Record<string, unknown>[];
    expect(own).to.deep.include({ name: 'default/bare', interface: 'net1-0', ips: [] });
    expect(await sandbox.call('CHECK', config, { ifname: 'eth0' })).to.include({ exitCode: 0, stdout: '' });
    expect(await sandbox.call('DEL', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('a plugin of the node is called without an IPAM', async () => {
    const config = await multusConfig(site, 'bare-bridge', { cniArgs: { nics: 1 } });
    using sandbox = await Sandbox.make(site, host, 'bare-bridge');
    const result = await sandbox.add(config);
    expect(result.ips).to.deep.equal([]);
    expect(addressesIn(sandbox)).to.equal('');
    // No CHECK: the reference plugin `bridge` asks an IPAM plugin of no name there.
    await sandbox.del(config);
    expect(sandbox.links()).to.deep.equal([]);
  });

  it("a NIC of the host goes into one pod at a time, without the host's address, and comes back with it", async () => {
    const config = await multusConfig(site, 'bare-nic', { cniArgs: { masters: ['eth4'] } });
    using sandbox = await Sandbox.make(site, host, 'bare-nic');
    const result = await sandbox.add(config);
    expect(result.ips).to.deep.equal([]);
    expect(addressesIn(sandbox)).to.equal('');
    expect((await sandbox.check(config, result)).stdout).to.equal('');
    using other = await Sandbox.make(site, host, 'bare-nic-too');
    expect(errorOf(await other.call('ADD', config)).msg).to.contain('eth4 is taken by pod default/bare-nic');
    await sandbox.del(config);
    expect(linkNames(host.namespace)).to.include('eth4');
    expect(host.namespace.ip('-o', 'address', 'show', 'dev', 'eth4', 'up')).to.contain('172.20.4.11/24');
    for (const { pod } of [sandbox, other]) await site.removePod(pod.metadata.name);
    await eventually('the NIC is free for others', async () => {
      const pool = await site.client.get(ipPools, { name: `bare-nic.${host.nodeName}` });
      return readPool(pool).allocations.every(({ state }) => state === 'Released');
    });
  });

  it('a virtual function of a NIC without any address, which a user-space driver has, is one that no link is made of', async () => {
    const recorded = new ScriptedPlugin(host.ownPlugins, 'sriov', { cniVersion: '1.0.0' });
    addVirtualFunctions(host, { '0000:a1:01.0': 'dpdk0' });
    using sandbox = await Sandbox.make(site, host, 'bare-vf');
    assignDevices(host, sandbox.pod.metadata.uid!, { 'openshift.io/barevf': { '0': ['0000:a1:01.0'] } });
    const config = await multusConfig(site, 'bare-vf');
    const { interfaces, ips } = await sandbox.add(config);
    expect([interfaces.map(({ name }) => name), ips]).to.deep.equal([['net1-0'], []]);
    expect(recorded.calls[0]?.conf).to.deep.equal({
      cniVersion: '1.0.0',
      name: 'bare-vf',
      type: 'sriov',
      deviceID: '0000:a1:01.0',
      ipam: {},
      runtimeConfig: { deviceID: '0000:a1:01.0' },
    });
    expect((await sandbox.check(config, { interfaces, ips })).stdout).to.equal('');
    await sandbox.del(config);
    expect(recorded.calls.map(({ command }) => command)).to.deep.equal(['ADD', 'CHECK', 'DEL']);
    recorded.forget();
  });

  it('a NIC without an address is a member where the HostInterface of a user gives it a subnet', async () => {
    const ref = { name: host.nodeName };
    host.namespace.batch(['link add eth8 type veth peer name eth8p', 'link set eth8 up', 'link set eth8p up']);
    const { spec } = await site.client.get(hostInterfaces, ref);
    const interfaces = [...spec.interfaces, { interfaceName: 'eth8', netAddress: '198.18.88.0/24' }];
    const mine = { metadata: { labels: { [label.unmanaged]: 'true' } }, spec: { interfaces } };
    await site.client.patch(hostInterfaces, ref, 'merge', mine);
    try {
      await site.addNetwork('bare-segment', { masterNets: ['198.18.88.0/24'], plugin });
      const config = await multusConfig(site, 'bare-segment');
      using sandbox = await Sandbox.make(site, host, 'bare-segment');
      await sandbox.add(config);
      const [index] = host.namespace.ip('-o', 'link', 'show', 'eth8').split(':');
      expect(sandbox.namespace.ip('-o', 'link', 'show', 'net1-0')).to.contain(`net1-0@if${index}`);
      await sandbox.del(config);
    } finally {
      await site.client.patch(hostInterfaces, ref, 'merge', { metadata: { labels: { [label.unmanaged]: null } } });
      host.namespace.ip('link', 'del', 'eth8');
      await eventually('the agent to describe its host again', async () => {
        const { spec: now } = await site.client.get(hostInterfaces, ref);
        return !now.interfaces.some(({ interfaceName }) => interfaceName === 'eth8');
      });
    }
  });

  it("a NIC that a pod's author wrote into the decision has to be the network's", async () => {
    const config = await multusConfig(site, 'bare', { cniArgs: attachments('eth0') });
    using sandbox = await Sandbox.make(site, host, 'bare-forged');
    expect(errorOf(await sandbox.call('ADD', config)).msg).to.contain('lacks the NIC eth0 in the network');
  });

  it('a pod that asks for an address, or a gateway, is told that there is none', async () => {
    const config = await multusConfig(site, 'bare', { runtimeConfig: { ips: ['192.0.2.7/24'] } });
    using sandbox = await Sandbox.make(site, host, 'bare-asking');
    const { code, msg, details } = errorOf(await sandbox.call('ADD', config));
    expect([code, msg]).to.deep.equal([
      100,
      'the pod asks for ips 192.0.2.7/24 in network bare, whose interfaces get no addresses',
    ]);
    expect(details).to.contain('MNN_NO_ADDRESSES');
  });
}
