/**
 * What a pod's author may write reaches the node: annotations, and definitions (NetworkAttachmentDefinition) where they may make them. The
 * agent checks all of it against its own node's pools, and against the kubelet. Of the same, what other tests show already:
 *  decisions.test.ts       attachments of the annotation; a network of other namespaces; the host's network namespace
 *  cniParameters.test.ts   CNI_ARGS that cannot be read
 *  podDevices.test.ts      which devices an attachment gets
 */
import { join } from 'node:path';
import { expect } from 'chai';
import { readAttachments } from '../../core/annotation/attachments.ts';
import { annotation, attachmentsKey } from '../../core/api/names.ts';
import { formatPool, readPool } from '../../core/pool/content.ts';
import { sleep } from '../../kube/api/deadline.ts';
import { ipPools, pods } from '../../kube/api/resources.ts';
import { chainedConfig, podArgs, primaryResult, selecting } from '../agent/cniCalls.ts';
import { addVirtualFunctions, assignDevices } from '../agent/devices.ts';
import type { Host } from '../agent/host.ts';
import type { Namespace } from '../agent/namespaces.ts';
import { networkSpec } from '../agent/networks.ts';
import { errorOf, linkNames, multusConfig, type PrintedResult, resultOf, Sandbox } from '../agent/sandbox.ts';
import { ScriptedPlugin } from '../agent/scriptedPlugin.ts';
import { Site } from '../agent/site.ts';

const ptp = { type: 'ptp', vlanMode: 'l3' } as const;

describe('security: forged data on the node', function () {
  this.timeout(120_000);
  let site: Site;
  let host: Host;
  let hostLinks: string[];

  before(async function () {
    this.timeout(300_000);
    site = await Site.start({ hosts: 1, nics: 2 });
    host = site.hosts[0]!;
    await site.addNetwork('open', networkSpec(ptp, 210));
    const bridge = { cniVersion: '1.0.0', type: 'bridge', args: { bridge: 'br-forged' }, capabilities: { ips: true } };
    await site.addNetwork('bridged', { ...networkSpec(ptp, 211), plugin: bridge });
    await site.addNetwork('virtual', { ...networkSpec(ptp, 212), plugin: { cniVersion: '1.0.0', type: 'sriov' } });
    await site.addNetwork('shared', networkSpec({ type: 'macvlan', vlanMode: 'l2' }, 213));
    await site.client.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'elsewhere', namespace: 'default' },
      spec: { nodeName: 'host-9', containers: [{ name: 'main', image: 'none' }] },
    });
    addVirtualFunctions(host, { '0000:3b:01.0': 'eth1', '0000:3b:02.0': 'eth2' });
    hostLinks = linkNames(host.namespace);
  });
  after(() => site?.[Symbol.asyncDispose]());

  const plain = ({ ips }: PrintedResult): string[] => ips.map(({ address }) => address.split('/')[0] ?? '');
  const held = async (network: string, pod: string) => {
    const pool = await site.client.find(ipPools, { name: `${network}.${host.nodeName}` });
    return readPool(pool).allocations.find(({ name, state }) => name === pod && state === 'Allocated');
  };
  const heldAddresses = async (network: string, pod: string) =>
    (await held(network, pod))?.nics.flatMap(({ addresses }) => addresses.map(text => text.split('/')[0]));

  /** Code of the table, and that nothing was made. */
  async function refused(
    sandbox: Sandbox,
    config: object,
    over: { ifname?: string } = {},
  ): Promise<string | undefined> {
    const { details } = errorOf(await sandbox.call('ADD', config, over));
    expect(sandbox.links()).to.deep.equal([]);
    return /^MNN_\w+/.exec(details)?.[0];
  }

  it('a definition made by hand does not say what an interface is made of, on which NIC, nor its address', async () => {
    using sandbox = await Sandbox.make(site, host, 'smuggler');
    const forged = {
      ...(await multusConfig(site, 'open')),
      ...{ plugin: { cniVersion: '1.0.0', type: 'macvlan', master: 'eth0', mode: 'bridge' }, master: 'eth0' },
      ...{ subnet: '172.20.0.0/24', masterNets: ['172.20.0.0/24'], daemonIP: '203.0.113.1' },
      ipam: { type: 'static', addresses: [{ address: '172.20.0.99/24' }], routes: [{ dst: '0.0.0.0/0' }] },
    };
    const result = await sandbox.add(forged);
    expect(plain(result)).to.deep.equal(await heldAddresses('open', 'smuggler'));
    expect(result.routes).to.deep.equal([]);
    const links = JSON.parse(sandbox.namespace.ip('-j', '-d', 'link')) as { linkinfo?: { info_kind?: string } }[];
    const kinds = links.map(({ linkinfo }) => linkinfo?.info_kind).filter(kind => kind !== undefined);
    expect(kinds).to.deep.equal(['veth', 'veth']);
    await sandbox.del(forged);
  });

  it('a call is for a pod of this node that exists', async () => {
    using sandbox = await Sandbox.make(site, host, 'itself');
    const config = await multusConfig(site, 'open');
    const named: [string, string][] = [
      ['nobody', ''],
      ['itself', '00000000-0000-0000-0000-000000000001'],
      ['elsewhere', ''],
    ];
    for (const [name, uid] of named) {
      const call = {
        ...{ CNI_COMMAND: 'ADD', CNI_CONTAINERID: sandbox.containerId, CNI_IFNAME: 'net1', CNI_PATH: host.plugins },
        ...{ CNI_NETNS: sandbox.namespace.path, CNI_ARGS: podArgs(name, uid) },
      };
      expect(errorOf(await host.execute(call, JSON.stringify(config))).details, name).to.contain('MNN_POD_UNKNOWN');
      expect(sandbox.links()).to.deep.equal([]);
      expect(await held('open', name)).to.equal(undefined);
    }
  });

  it('the address of another pod is refused, asked for in whatever way, and the copy of its annotations is no key to it', async () => {
    using victim = await Sandbox.make(site, host, 'victim');
    const config = await multusConfig(site, 'open');
    const addresses = plain(await victim.add(config));
    const record = await held('open', 'victim');
    using asking = await Sandbox.make(site, host, 'asking');
    expect(await refused(asking, { ...config, runtimeConfig: { ips: addresses } })).to.equal('MNN_ADDRESS_TAKEN');
    expect(await refused(asking, { ...config, runtimeConfig: { ips: ['10.9.9.9', '10.9.9.8'] } })).to.equal(
      'MNN_ADDRESS_OUTSIDE',
    );

    const copied = { [attachmentsKey]: record?.nics };
    expect(readAttachments(copied)).to.have.length(2);
    const annotations = { [annotation.reservation]: record?.reservation ?? record?.podUID ?? '' };
    using copy = await Sandbox.make(site, host, 'copy', {
      ...annotations,
      ...selecting({ name: 'open', 'cni-args': copied }),
    });
    const chained = chainedConfig('1.0.0', primaryResult('1.0.0', copy.namespace.path));
    await copy.call('ADD', chained, { ifname: 'eth0' });
    expect(await heldAddresses('open', 'copy'))
      .to.have.length(2)
      .and.not.to.include.members(addresses);
    const shown = copy.namespace.ip('address');
    for (const address of addresses) expect(shown).not.to.contain(` ${address}/`);
    expect(await held('open', 'victim')).to.deep.equal(record);
    expect(await copy.call('DEL', chained, { ifname: 'eth0' })).to.include({ exitCode: 0 });
    expect(await held('open', 'victim')).to.deep.equal(record);
    await victim.del(config);
  });

  for (const [what, changes] of Object.entries({
    'put another into the group of those that an agent removes': [`link set lo group ${0x4d4e64}`],
    'given its name to one that nobody can remove': [
      'link set lo down',
      'link set net1-0 down',
      'link set net1-0 name moved',
      'link set lo name net1-0',
    ],
  })) {
    it(`a pod cannot keep its links from being removed, nor have others removed, where it has ${what}`, async () => {
      using sandbox = await Sandbox.make(site, host, 'kept');
      const config = await multusConfig(site, 'open');
      await sandbox.add(config);
      sandbox.namespace.batch(changes);
      host.namespace.ip('link', 'set', 'eth2', 'group', String(0x4d4e64));
      await sandbox.del(config);
      expect(sandbox.links()).not.to.include('net1-1');
      expect(linkNames(host.namespace)).to.deep.equal(hostLinks);
      host.namespace.ip('link', 'set', 'eth2', 'group', 'default');
      await site.removePod('kept');
    });
  }

  it('an address of no network, written into the pool with the rights of another node, makes no route on the host', async () => {
    using sandbox = await Sandbox.make(site, host, 'lured');
    const apiServer = '198.51.100.1';
    const record = {
      ...{ podUID: sandbox.pod.metadata.uid!, namespace: 'default', name: 'lured', interface: 'net1' },
      nics: [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses: [`${apiServer}/19`] }],
      ...{ state: 'Allocated' as const, since: new Date().toISOString() },
    };
    const pool = await site.client.get(ipPools, { name: `open.${host.nodeName}` });
    const content = readPool(pool);
    const status = formatPool({ ...content, allocations: [...content.allocations, record] });
    await site.client.updateStatus(ipPools, { ...pool, status });
    await sleep(1000); // until the agent's copy has it
    expect(await refused(sandbox, await multusConfig(site, 'open'))).to.equal('MNN_POOL_UNREADABLE');
    expect(host.namespace.ip('route', 'show', 'table', 'all')).not.to.contain(apiServer);
  });

  it('a pod of type ptp reaches nobody with an IPv4 address that is not its own', async () => {
    const config = await multusConfig(site, 'open');
    using forger = await Sandbox.make(site, host, 'forger');
    using victim = await Sandbox.make(site, host, 'aped');
    using other = await Sandbox.make(site, host, 'other');
    const [[own], [victims], [target]] = [
      plain(await forger.add(config)),
      plain(await victim.add(config)),
      plain(await other.add(config)),
    ] as [string[], string[], string[]];
    const received = (): number =>
      Number(other.namespace.exec('cat', '/sys/class/net/net1-0/statistics/rx_packets').trim());
    /** How many more packets the target has got. */
    const sent = (source: string): number => {
      const before = received();
      try {
        forger.namespace.exec('ping', '-c', '3', '-i', '0.1', '-W', '1', '-I', source, target!);
      } catch {
        // Nothing comes back to who forges.
      }
      return received() - before;
    };
    forger.namespace.batch([
      'link set lo up',
      `address add ${victims}/32 dev lo`,
      'address add 198.51.100.9/32 dev lo',
    ]);
    expect(sent(own!)).to.be.at.least(3);
    for (const forged of [victims!, '198.51.100.9']) expect(sent(forged), forged).to.be.below(3);
    for (const sandbox of [forger, victim, other]) await sandbox.del(config);
  });

  it('a host sends nothing to a pod of type ptp for an address that its author names, other than of the subnet', async () => {
    const apiServer = '198.51.100.1';
    const section = { addresses: [{ address: '10.214.0.9/24' }] };
    const ipams = {
      static: { type: 'static' },
      several: { type: 'multi-config', ipam_type: 'static', args: { eth1: section } },
    };
    for (const [name, ipam] of Object.entries(ipams)) {
      const plugin = { cniVersion: '1.0.0', type: 'ptp', capabilities: { ips: true } };
      await site.addNetwork(name, { subnet: '10.214.0.0/16', ipam: JSON.stringify(ipam), plugin });
      using sandbox = await Sandbox.make(site, host, `luring-${name}`);
      const asking = async (...ips: string[]) =>
        multusConfig(site, name, { cniArgs: { nics: 1 }, runtimeConfig: { ips } });
      expect(await refused(sandbox, await asking(`${apiServer}/32`)), name).to.equal('MNN_ADDRESS_OUTSIDE');
      expect(host.namespace.ip('route', 'show', 'table', 'all')).not.to.contain(apiServer);
      const config = await asking('10.214.0.7/24');
      expect(plain(await sandbox.add(config)), name).to.deep.equal(['10.214.0.7']);
      await sandbox.del(config);
    }
    using sandbox = await Sandbox.make(site, host, 'luring-by-args');
    for (const key of ['ips', 'IPs', 'ip\u017f']) {
      const config = await multusConfig(site, 'static', { cniArgs: { nics: 1, [key]: [`${apiServer}/32`] } });
      expect(await refused(sandbox, config), key).to.equal('MNN_DELEGATE_FAILED');
    }
  });

  it('a pod makes itself the way to anywhere neither for its host, nor for others on its NIC', async () => {
    // As hosts are that forward IPv4 only.
    host.namespace.exec('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=0');
    const ofOthers = (of: Namespace): string => of.ip('-6', 'route', 'show', 'table', 'all');
    for (const network of ['open', 'shared']) {
      const config = await multusConfig(site, network);
      using forger = await Sandbox.make(site, host, `${network}-router`);
      using other = await Sandbox.make(site, host, `${network}-other`);
      await forger.add(config);
      await other.add(config);
      const links = JSON.parse(forger.namespace.ip('-j', 'link', 'show', 'net1-0')) as {
        ifindex: number;
        address: string;
      }[];
      const [{ ifindex, address }] = links as [(typeof links)[0]];
      const program = join(import.meta.dirname, 'routerAdvertisement.ts');
      forger.namespace.exec(process.execPath, program, String(ifindex), address);
      await sleep(1000);
      expect(ofOthers(host.namespace), `${network}: host`).not.to.contain('bad');
      expect(ofOthers(other.namespace), `${network}: pod`).not.to.contain('bad');
      for (const sandbox of [forger, other]) await sandbox.del(config);
    }
  });

  // CNI plugins, written in Go, read keys in any case, and with U+017F for an s.
  for (const [i, key] of ['ips', 'IPs', 'ip\u017f'].entries()) {
    it(`plugins that are called in turn get the granted address, whatever cni-args say of ${JSON.stringify(key)}`, async () => {
      using sandbox = await Sandbox.make(site, host, `around-${i}`);
      const forged = ['10.211.31.1/19'];
      const config = await multusConfig(site, 'bridged', { cniArgs: { nics: 1, [key]: forged } });
      const result = await sandbox.add(config);
      expect(plain(result)).to.deep.equal(await heldAddresses('bridged', `around-${i}`));
      expect(sandbox.namespace.ip('address')).not.to.contain(forged[0]);
      await sandbox.del(config);
    });
  }

  it('plugins that are called in turn get the granted address, whatever CNI_ARGS say', async () => {
    using sandbox = await Sandbox.make(site, host, 'arguing');
    const config = await multusConfig(site, 'bridged', { cniArgs: { nics: 1 } });
    const call = {
      ...{ CNI_COMMAND: 'ADD', CNI_CONTAINERID: sandbox.containerId, CNI_IFNAME: 'net1', CNI_PATH: host.plugins },
      CNI_NETNS: sandbox.namespace.path,
      CNI_ARGS: `${podArgs('arguing', sandbox.pod.metadata.uid!)};IP=10.211.31.1/19;GATEWAY=10.211.31.2`,
    };
    const result = resultOf(await host.execute(call, JSON.stringify(config)));
    expect(plain(result)).to.deep.equal(await heldAddresses('bridged', 'arguing'));
    expect(sandbox.namespace.ip('address')).not.to.contain('10.211.31.1');
    await sandbox.del(config);
  });

  it('a device that the kubelet gave to another pod is refused', async () => {
    const plugin = new ScriptedPlugin(host.ownPlugins, 'sriov', { cniVersion: '1.0.0', interfaces: [{ name: 'any' }] });
    const taken = '0000:3b:02.0';
    using sandbox = await Sandbox.make(site, host, 'thief', selecting({ name: 'virtual', deviceID: taken }));
    assignDevices(host, sandbox.pod.metadata.uid!, { 'openshift.io/virtual': { '-1': ['0000:3b:01.0'] } });
    const config = await multusConfig(site, 'virtual', { cniArgs: { nics: 1 } });
    const chained = chainedConfig('1.0.0', primaryResult('1.0.0', sandbox.namespace.path));
    expect(await refused(sandbox, { ...config, deviceID: taken })).to.equal('MNN_DEVICE_MISSING');
    expect(await refused(sandbox, { ...config, runtimeConfig: { deviceID: taken } })).to.equal('MNN_DEVICE_MISSING');
    expect(await refused(sandbox, chained, { ifname: 'eth0' })).to.equal('MNN_DEVICE_MISSING');
    expect(plugin.calls).to.deep.equal([]);
  });

  it('a device of another network, which applies elsewhere, is refused, though the kubelet gave it to the pod', async () => {
    const plugin = new ScriptedPlugin(host.ownPlugins, 'sriov', { cniVersion: '1.0.0', interfaces: [{ name: 'any' }] });
    const deviceID = '0000:3b:02.0';
    using sandbox = await Sandbox.make(site, host, 'trespasser', selecting({ name: 'virtual', deviceID }));
    // Who may request one extended resource may request any.
    assignDevices(host, sandbox.pod.metadata.uid!, {
      'openshift.io/virtual': { '-1': ['0000:3b:01.0'] },
      'openshift.io/closed': { '-1': [deviceID] },
    });
    const config = await multusConfig(site, 'virtual', { cniArgs: { nics: 1 } });
    const chained = chainedConfig('1.0.0', primaryResult('1.0.0', sandbox.namespace.path));
    expect(await refused(sandbox, { ...config, deviceID })).to.equal('MNN_DEVICE_MISSING');
    expect(await refused(sandbox, { ...config, runtimeConfig: { deviceID } })).to.equal('MNN_DEVICE_MISSING');
    expect(await refused(sandbox, chained, { ifname: 'eth0' })).to.equal('MNN_DEVICE_MISSING');
    expect(plugin.calls).to.deep.equal([]);
  });

  it('nothing is left of it all', () => {
    expect(linkNames(host.namespace).filter(name => name !== 'br-forged')).to.deep.equal(hostLinks);
  });
});
