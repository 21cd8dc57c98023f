/**
 * What a pod's author may write reaches the node: annotations, and definitions (NetworkAttachmentDefinition) where they may make them. The
 * agent checks all of it against its own node's pools, and against the kubelet. Of the same, what other tests show already:
 *  decisions.test.ts       attachments of the annotation; a network of other namespaces; the host's network namespace
 *  cniParameters.test.ts   CNI_ARGS that cannot be read
 *  nodePlugins.test.ts     what other plugins are called with
 */
import { join } from 'node:path';
import { expect } from 'chai';
import { readAttachments } from '../../core/annotation/attachments.ts';
import { annotation, attachmentsKey } from '../../core/api/names.ts';
import { formatPool, readPool } from '../../core/pool/content.ts';
import { sleep } from '../../kube/api/deadline.ts';
import { ipPools, pods } from '../../kube/api/resources.ts';
import { chainedConfig, cniFixture, podArgs, primaryResult, selecting } from '../agent/cniCalls.ts';
import { testTimeoutMs } from '../agent/inside.ts';
import type { Namespace } from '../agent/namespaces.ts';
import { networkSpec } from '../agent/networks.ts';
import { errorOf, linkNames } from '../agent/sandbox.ts';
import { heldAddresses, plain, refused } from './forged.ts';

describe('security: forged data on the node', function () {
  this.timeout(testTimeoutMs);
  const test = cniFixture({
    open: networkSpec({ type: 'ptp', vlanMode: 'l3' }, 210),
    shared: networkSpec({ type: 'macvlan', vlanMode: 'l2' }, 213),
  });
  let hostLinks: string[];

  before(async () => {
    await test.site.client.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'elsewhere', namespace: 'default' },
      spec: { nodeName: 'host-9', containers: [{ name: 'main', image: 'none' }] },
    });
    hostLinks = linkNames(test.host.namespace);
  });

  it('a definition made by hand does not say what an interface is made of, on which NIC, nor its address', async () => {
    using sandbox = await test.make('smuggler');
    const forged = {
      ...(await test.configOf('open')),
      ...{ plugin: { cniVersion: '1.0.0', type: 'macvlan', master: 'eth0', mode: 'bridge' }, master: 'eth0' },
      ...{ subnet: '172.20.0.0/24', masterNets: ['172.20.0.0/24'], daemonIP: '203.0.113.1' },
      ipam: { type: 'static', addresses: [{ address: '172.20.0.99/24' }], routes: [{ dst: '0.0.0.0/0' }] },
    };
    const result = await sandbox.add(forged);
    expect(plain(result)).to.deep.equal(await heldAddresses(test.site, 'open', 'smuggler'));
    expect(result.routes).to.deep.equal([]);
    const links = JSON.parse(sandbox.namespace.ip('-j', '-d', 'link')) as { linkinfo?: { info_kind?: string } }[];
    const kinds = links.map(({ linkinfo }) => linkinfo?.info_kind).filter(kind => kind !== undefined);
    expect(kinds).to.deep.equal(['veth', 'veth']);
    await sandbox.del(forged);
  });

  it('a call is for a pod of this node that exists', async () => {
    using sandbox = await test.make('itself');
    const config = await test.configOf('open');
    const named: [string, string][] = [
      ['nobody', ''],
      ['itself', '00000000-0000-0000-0000-000000000001'],
      ['elsewhere', ''],
    ];
    for (const [name, uid] of named) {
      const call = {
        ...{
          CNI_COMMAND: 'ADD',
          CNI_CONTAINERID: sandbox.containerId,
          CNI_IFNAME: 'net1',
          CNI_PATH: test.host.plugins,
        },
        ...{ CNI_NETNS: sandbox.namespace.path, CNI_ARGS: podArgs(name, uid) },
      };
      expect(errorOf(await test.host.execute(call, JSON.stringify(config))).details, name).to.contain(
        'MNN_POD_UNKNOWN',
      );
      expect(sandbox.links()).to.deep.equal([]);
      expect(await test.site.recordOf('open', name)).to.equal(undefined);
    }
  });

  it('the address of another pod is refused, asked for in whatever way, and the copy of its annotations is no key to it', async () => {
    using victim = await test.make('victim');
    const config = await test.configOf('open');
    const addresses = plain(await victim.add(config));
    const record = await test.site.recordOf('open', 'victim');
    using asking = await test.make('asking');
    expect(await refused(asking, { ...config, runtimeConfig: { ips: addresses } })).to.equal('MNN_ADDRESS_TAKEN');
    expect(await refused(asking, { ...config, runtimeConfig: { ips: ['10.9.9.9', '10.9.9.8'] } })).to.equal(
      'MNN_ADDRESS_OUTSIDE',
    );

    const copied = { [attachmentsKey]: record?.nics };
    expect(readAttachments(copied)).to.have.length(2);
    const annotations = { [annotation.reservation]: record?.reservation ?? record?.podUID ?? '' };
    using copy = await test.make('copy', {
      ...annotations,
      ...selecting({ name: 'open', 'cni-args': copied }),
    });
    const chained = chainedConfig('1.0.0', primaryResult('1.0.0', copy.namespace.path));
    await copy.call('ADD', chained, { ifname: 'eth0' });
    expect(await heldAddresses(test.site, 'open', 'copy'))
      .to.have.length(2)
      .and.not.to.include.members(addresses);
    const shown = copy.namespace.ip('address');
    for (const address of addresses) expect(shown).not.to.contain(` ${address}/`);
    expect(await test.site.recordOf('open', 'victim')).to.deep.equal(record);
    expect(await copy.call('DEL', chained, { ifname: 'eth0' })).to.include({ exitCode: 0 });
    expect(await test.site.recordOf('open', 'victim')).to.deep.equal(record);
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
      using sandbox = await test.make('kept');
      const config = await test.configOf('open');
      await sandbox.add(config);
      sandbox.namespace.batch(changes);
      test.host.namespace.ip('link', 'set', 'eth2', 'group', String(0x4d4e64));
      await sandbox.del(config);
      expect(sandbox.links()).not.to.include('net1-1');
      expect(linkNames(test.host.namespace)).to.deep.equal(hostLinks);
      test.host.namespace.ip('link', 'set', 'eth2', 'group', 'default');
      await test.site.removePod('kept');
    });
  }

  it('an address of no network, written into the pool with the rights of another node, makes no route on the host', async () => {
    using sandbox = await test.make('lured');
    const apiServer = '198.51.100.1';
    const record = {
      ...{ podUID: sandbox.pod.metadata.uid!, namespace: 'default', name: 'lured', interface: 'net1' },
      nics: [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses: [`${apiServer}/19`] }],
      ...{ state: 'Allocated' as const, since: new Date().toISOString() },
    };
    const pool = await test.site.client.get(ipPools, { name: `open.${test.host.nodeName}` });
    const content = readPool(pool);
    const status = formatPool({ ...content, allocations: [...content.allocations, record] });
    await test.site.client.updateStatus(ipPools, { ...pool, status });
    await sleep(1000); // until the agent's copy has it
    expect(await refused(sandbox, await test.configOf('open'))).to.equal('MNN_POOL_UNREADABLE');
    expect(test.host.namespace.ip('route', 'show', 'table', 'all')).not.to.contain(apiServer);
  });

  it('a pod of type ptp reaches nobody with an IPv4 address that is not its own', async () => {
    const config = await test.configOf('open');
    using forger = await test.make('forger');
    using victim = await test.make('aped');
    using other = await test.make('other');
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
      await test.site.addNetwork(name, { subnet: '10.214.0.0/16', ipam: JSON.stringify(ipam), plugin });
      using sandbox = await test.make(`luring-${name}`);
      const asking = async (...ips: string[]) => test.configOf(name, { cniArgs: { nics: 1 }, runtimeConfig: { ips } });
      expect(await refused(sandbox, await asking(`${apiServer}/32`)), name).to.equal('MNN_ADDRESS_OUTSIDE');
      expect(test.host.namespace.ip('route', 'show', 'table', 'all')).not.to.contain(apiServer);
      const config = await asking('10.214.0.7/24');
      expect(plain(await sandbox.add(config)), name).to.deep.equal(['10.214.0.7']);
      await sandbox.del(config);
    }
    using sandbox = await test.make('luring-by-args');
    for (const key of ['ips', 'IPs', 'ip\u017f']) {
      const config = await test.configOf('static', { cniArgs: { nics: 1, [key]: [`${apiServer}/32`] } });
      expect(await refused(sandbox, config), key).to.equal('MNN_DELEGATE_FAILED');
    }
  });

  it('a pod makes itself the way to anywhere neither for its host, nor for others on its NIC', async () => {
    // As hosts are that forward IPv4 only.
    test.host.namespace.exec('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=0');
    const ofOthers = (of: Namespace): string => of.ip('-6', 'route', 'show', 'table', 'all');
    for (const network of ['open', 'shared']) {
      const config = await test.configOf(network);
      using forger = await test.make(`${network}-router`);
      using other = await test.make(`${network}-other`);
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
      expect(ofOthers(test.host.namespace), `${network}: host`).not.to.contain('bad');
      expect(ofOthers(other.namespace), `${network}: pod`).not.to.contain('bad');
      for (const sandbox of [forger, other]) await sandbox.del(config);
    }
  });

  it('nothing is left of it all', () => {
    expect(linkNames(test.host.namespace)).to.deep.equal(hostLinks);
  });
});
