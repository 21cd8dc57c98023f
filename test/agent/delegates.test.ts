import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { annotation } from '../../core/api/names.ts';
import type { MultiNicNetwork, MultiNicNetworkSpec } from '../../core/api/types.ts';
import { blocks } from '../system/pages.ts';
import { assignedDevices } from './assignedDevices.ts';
import { chains } from './chains.ts';
import { callWith, chainedConfig, emptyResult, environment, podArgs } from './cniCalls.ts';
import { ours, spec } from './delegateSpec.ts';
import type { Host } from './host.ts';
import { movedNics } from './movedNics.ts';
import { errorOf, multusConfig, resultOf, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';
import { withoutAddresses } from './withoutAddresses.ts';

/** The network of that name in the guide on devices. */
function documented(name: string): MultiNicNetworkSpec {
  const texts = blocks('docs/guides/sriov-and-mellanox.md', 'yaml');
  const networks = texts.map(text => parse(text) as Partial<MultiNicNetwork>);
  return networks.find(({ metadata }) => metadata?.name === name)!.spec!;
}

describe('agent: other plugins as delegates', function () {
  this.timeout(120_000);
  let site: Site;
  let host: Host;
  let leases: string;

  before(async function () {
    site = await Site.start({ hosts: 1, nics: 4 });
    host = site.hosts[0]!;
    leases = join(host.folder, 'leases');
    const hostLocal = { type: 'host-local', dataDir: leases };
    const ranges = (subnet: string): object => ({ ranges: [[{ subnet, rangeStart: subnet.replace('0/24', '10') }]] });
    const beyond = { routes: [{ dst: '192.0.2.0/24', gw: '198.51.100.1' }] };
    await site.addNetwork('leased', spec({ ...hostLocal, ...ranges('198.51.100.0/24'), ...beyond }, {}));
    const behind = { routes: [{ dst: '198.51.102.0/24', gw: '198.18.0.2' }, { dst: '198.51.103.0/24' }] };
    const section = (subnet: string): object => ({ dataDir: leases, ...ranges(subnet) });
    const args = { eth2: section('203.0.113.0/24'), eth1: { ...section('198.18.0.0/24'), ...behind } };
    const config = { type: 'multi-config', ipam_type: 'host-local', args };
    await site.addNetwork('configured', spec({ ...config, routes: [{ dst: '192.0.2.0/24', gw: '198.18.0.1' }] }, {}));
    const out = { ...ranges('198.51.101.0/24'), routes: [{ dst: '0.0.0.0/0' }, { dst: '192.0.2.0/24' }] };
    await site.addNetwork('way-out', spec({ ...hostLocal, ...out }, { type: 'bridge', args: { bridge: 'br-out' } }));
    await site.addNetwork('asked', spec({ type: 'static' }, { capabilities: { ips: true } }));
    await site.addNetwork(
      'bridged',
      spec(ours, { type: 'bridge', args: { bridge: 'br-test', mtu: '1400' } }, '10.230.0.0/16'),
    );
    await site.addNetwork('moved', spec({ type: 'host-device-ipam' }, { type: 'host-device', cniVersion: '0.3.1' }));
    const sriov = {
      vlan: '999',
      vlanQos: '3',
      spoofchk: 'true',
      trust: 'off',
      maxTxRate: '100',
      numVfs: '2',
      linkState: 'auto',
    };
    await site.addNetwork('virtual', spec(ours, { type: 'sriov', args: sriov }, '10.231.0.0/16'));
    await site.addNetwork('shared', spec(ours, { type: 'sriov' }, '10.233.0.0/16'));
    const routed = { ...(JSON.parse(ours) as object), routes: [{ dst: '192.0.2.0/24', gw: '10.236.0.254' }] };
    await site.addNetwork('packets', spec(routed, { type: 'sriov' }, '10.236.0.0/16'));
    const handed = { type: 'host-device', args: { resourceName: 'example.com/handed' } };
    await site.addNetwork('handed', spec(ours, handed, '10.237.0.0/16'));
    const { ipam = '', plugin } = documented('infiniband');
    await site.addNetwork('infiniband', spec(ipam, { ...plugin, cniVersion: '1.0.0' }));
  });
  after(() => site[Symbol.asyncDispose]());

  const leaseFiles = (): string[] => {
    try {
      return readdirSync(join(leases, 'leased')).filter(name => /^\d/.test(name));
    } catch {
      return []; // not made yet
    }
  };

  it('an IPAM plugin gives each NIC its address, which CHECK looks at and DEL gives back', async () => {
    const config = await multusConfig(site, 'leased', { cniArgs: { nics: 2 } });
    using sandbox = await Sandbox.make(site, host, 'leased');
    const result = await sandbox.add(config);
    expect(result.ips.map(({ address, interface: i }) => [address, i])).to.deep.equal([
      ['198.51.100.10/24', 0],
      ['198.51.100.11/24', 1],
    ]);
    expect(sandbox.namespace.ip('-o', 'address', 'show', 'net1-1')).to.contain('198.51.100.11/24');
    expect(leaseFiles()).to.have.length(2);
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    await sandbox.del(config);
    await sandbox.del(config);
    expect(leaseFiles()).to.deep.equal([]);
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('two NICs in one subnet each send by themselves what comes from their address', async () => {
    const config = await multusConfig(site, 'leased', { cniArgs: { nics: 3 } });
    using sandbox = await Sandbox.make(site, host, 'sources');
    const result = await sandbox.add(config);
    for (const [i, { address }] of result.ips.entries()) {
      const route = (to: string): string => sandbox.namespace.ip('route', 'get', to, 'from', address.split('/')[0]!);
      expect(route('198.51.100.200')).to.contain(`dev net1-${i}`);
      expect(route('192.0.2.200')).to.contain('via 198.51.100.1').and.contain(`dev net1-${i}`);
    }
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    sandbox.namespace.ip('route', 'replace', '192.0.2.0/24', 'via', '198.51.100.2', 'dev', 'net1-0');
    expect(errorOf(await sandbox.check(config, result)).msg).to.equal(
      'the route to 192.0.2.0/24 by net1-0 is not via 198.51.100.1 any more',
    );
    sandbox.namespace.ip('route', 'replace', '192.0.2.0/24', 'via', '198.51.100.1', 'dev', 'net1-0');
    sandbox.namespace.ip('rule', 'del', 'from', result.ips[2]!.address.split('/')[0]!);
    expect(errorOf(await sandbox.check(config, result)).msg).to.contain('leaves by net1-2 is gone');
    await sandbox.del(config);
    expect(sandbox.namespace.ip('rule').trim().split('\n')).to.have.length(3);
  });

  it('a pod that was attached without Multus gives all back where Multus has come since, which calls DEL for each network', async () => {
    const networks = { [annotation.networks]: JSON.stringify([{ name: 'leased', 'cni-args': { nics: 2 } }]) };
    using sandbox = await Sandbox.make(site, host, 'before-multus', networks);
    await sandbox.add(chainedConfig('1.0.0', emptyResult), 'eth0');
    expect(leaseFiles()).to.have.length(2);
    await sandbox.del(await multusConfig(site, 'leased', { cniArgs: { nics: 2 } }));
    expect(leaseFiles()).to.deep.equal([]);
    expect(sandbox.links()).to.deep.equal([]);
    expect(sandbox.namespace.ip('rule').trim().split('\n')).to.have.length(3);
  });

  it('multi-config has a section for each NIC, in its order, and static addresses instead where the pod asks', async () => {
    const config = await multusConfig(site, 'configured');
    using sandbox = await Sandbox.make(site, host, 'configured');
    const result = await sandbox.add(config);
    expect(result.ips.map(({ address }) => address)).to.deep.equal(['203.0.113.10/24', '198.18.0.10/24']);
    const way = (dst: string): string => sandbox.namespace.ip('route', 'show', dst);
    expect(way('192.0.2.0/24')).to.contain('via 198.18.0.1 dev net1-1');
    expect(way('198.51.102.0/24'), 'of the section').to.contain('via 198.18.0.2 dev net1-1');
    expect(way('198.51.103.0/24'), 'by the gateway of the section').to.contain('via 198.18.0.1 dev net1-1');
    await sandbox.del(config);
    const asking = { ...config, runtimeConfig: { ips: ['203.0.113.77/24', '198.18.0.77/24', '2001:DB8::07/64'] } };
    const given = await sandbox.add(asking);
    expect(given.ips.map(({ address }) => address)).to.deep.equal([
      '203.0.113.77/24',
      '2001:db8::7/64',
      '198.18.0.77/24',
    ]);
    expect(await sandbox.check(config, given)).to.include({ exitCode: 0, stdout: '' });
    await sandbox.del(asking);
  });

  it('an IPAM plugin that knows the capability ips gets what the pod asks for', async () => {
    const config = await multusConfig(site, 'asked', {
      cniArgs: { masters: ['eth3'] },
      runtimeConfig: { ips: ['192.0.2.7/24', '2001:db8::7/64'] },
    });
    using sandbox = await Sandbox.make(site, host, 'asked');
    const { ips } = await sandbox.add(config);
    expect(ips.map(({ address }) => address)).to.deep.equal(['192.0.2.7/24', '2001:db8::7/64']);
    await sandbox.del(config);
  });

  it('an IPAM plugin is asked for each address once, though Multus writes all of them into CNI_ARGS as well', async () => {
    using sandbox = await Sandbox.make(site, host, 'asked-twice');
    for (const ips of [['198.51.100.50'], ['198.51.100.50', '198.51.100.60']]) {
      const config = await multusConfig(site, 'leased', { cniArgs: { nics: 2 }, runtimeConfig: { ips } });
      const CNI_ARGS = `${podArgs('asked-twice', sandbox.pod.metadata.uid!)};IP=${ips.join(',')}`;
      const call = environment('ADD', sandbox, { CNI_ARGS, CNI_PATH: host.plugins });
      const result = resultOf(await callWith(host, call, config));
      expect(result.ips.map(({ address }) => address)).to.include.members(ips.map(ip => `${ip}/24`));
      await sandbox.del(config);
    }
  });

  it('any other type is run as a plugin, with addresses of our own pools', async () => {
    const config = await multusConfig(site, 'bridged', { cniArgs: { nics: 2 } });
    // With an address of its own: else a bridge takes one of its ports', and the plugin's CHECK of the first port fails after the second.
    host.namespace.ip('link', 'add', 'br-test', 'address', '02:00:00:00:00:0b', 'type', 'bridge');
    using sandbox = await Sandbox.make(site, host, 'bridged');
    const result = await sandbox.add(config);
    expect(result.ips.map(({ address }) => address)).to.deep.equal(['10.230.0.1/19', '10.230.32.1/19']);
    const inPod = result.interfaces.filter(item => item.sandbox !== undefined);
    expect(inPod.map(({ name, mtu }) => [name, mtu])).to.deep.equal([
      ['net1-0', undefined],
      ['net1-1', undefined],
    ]);
    expect(result.interfaces.map(({ name }) => name)).to.include('br-test');
    expect(sandbox.namespace.ip('link', 'show', 'net1-0')).to.contain('mtu 1400');
    expect((await sandbox.check(config, result)).stdout).to.equal('');
    sandbox.namespace.ip('address', 'flush', 'dev', 'net1-1', 'scope', 'global');
    expect(errorOf(await sandbox.check(config, result)).code).to.equal(102);
    await sandbox.del(config);
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('a default route that a plugin made is not left beside the one that the pod chose', async () => {
    const chosen = { name: 'leased', 'cni-args': { nics: 1 }, 'default-route': ['198.51.100.1'] };
    const text = JSON.stringify([{ name: 'way-out', 'cni-args': { nics: 1 } }, chosen]);
    using sandbox = await Sandbox.make(site, host, 'chosen', { [annotation.networks]: text });
    const config = chainedConfig('1.0.0', emptyResult);
    await sandbox.add(config, 'eth0');
    expect(sandbox.namespace.ip('route', 'show', 'default')).to.match(/^default via 198\.51\.100\.1 dev net2-0 .*\n$/);
    expect(sandbox.namespace.ip('route', 'show', '192.0.2.0/24')).to.contain('dev net1-0');
    expect(await sandbox.call('CHECK', config, { ifname: 'eth0' })).to.include({ exitCode: 0, stdout: '' });
    expect(await sandbox.call('DEL', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
  });

  describe('plugins that follow', () => {
    chains(() => site);
  });

  describe('networks without addresses', () => {
    withoutAddresses(() => site);
  });

  describe('NICs that go into pods', () => {
    movedNics(() => site);
  });

  describe('devices that go into pods', () => {
    assignedDevices(() => site);
  });
});
