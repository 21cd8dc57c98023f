import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { label } from '../../core/api/names.ts';
import type { HostInterface } from '../../core/api/types.ts';
import { hostInterfaces, multiNicNetworks } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { followGuide } from '../system/guide.ts';
import { networkSpec } from './networks.ts';
import { Site } from './site.ts';

describe('agent: the routes of its host', function () {
  this.timeout(60_000);
  let site: Site;

  before(async function () {
    site = await Site.start({ hosts: 2, nics: 2 });
    await site.addNetwork('l3', networkSpec({ type: 'ptp', vlanMode: 'l3' }, 220));
  });
  after(() => site[Symbol.asyncDispose]());

  const hif = (): Promise<HostInterface> => site.client.get(hostInterfaces, { name: 'host-1' });
  const twoRoutes = (): boolean => site.hosts[0]!.ownRoutes().length === 2;

  it('lead to the other host, and come back however they went', async () => {
    const { namespace } = site.hosts[0]!;
    await eventually('routes', twoRoutes);
    expect(site.hosts[0]!.ownRoutes().map(route => route.split(' ').slice(0, 5).join(' '))).to.have.members([
      '10.220.0.64/26 via 172.20.1.12 dev eth1',
      '10.220.32.64/26 via 172.20.2.12 dev eth2',
    ]);
    const [, table = ''] = /lookup (\d+) proto 77/.exec(namespace.ip('rule')) ?? [];
    namespace.ip('route', 'flush', 'table', table);
    await eventually('routes after a flush', twoRoutes);
    namespace.ip('rule', 'del', 'priority', '5400');
    await eventually('the rule', () => namespace.ip('rule').includes('lookup'.concat(' ', table)));
    namespace.ip('link', 'set', 'eth1', 'down');
    namespace.ip('link', 'set', 'eth1', 'up');
    await eventually('routes after a link was down', twoRoutes);
    namespace.ip('route', 'add', '10.220.99.0/26', 'via', '172.20.1.12', 'dev', 'eth1', 'table', table, 'proto', '77');
    namespace.ip('rule', 'del', 'priority', '5400');
    await eventually('a stale route of ours goes', twoRoutes);
  });

  it('have conditions beside them that say what keeps traffic away', async () => {
    const { namespace } = site.hosts[0]!;
    const condition = async (type: string): Promise<string | undefined> =>
      (await hif()).status?.conditions?.find(item => item.type === type)?.status;
    let length = 1000;
    const lookAgain = (): void => {
      namespace.ip('link', 'set', 'eth1', 'txqueuelen', String(++length));
    };
    await eventually('programmed', async () => (await condition('RoutesProgrammed')) === 'True');
    namespace.exec('sysctl', '-qw', 'net.ipv4.ip_forward=0');
    lookAgain();
    await eventually('forwarding is off', async () => (await condition('Forwarding')) === 'False');
    expect(await followGuide(site.cluster, 'troubleshooting: peers')).to.match(/ PROBLEM +AGE\n.* Forwarding +\w+\n/);
    await eventually('an event', async () =>
      / Warning +ForwardingOff +/.test((await site.cluster.kubectl(['get', 'events'])).stdout),
    );
    expect(site.hosts[0]!.metric('multinic_host_setting_right')).to.include('{condition="Forwarding"} 0');
    namespace.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    lookAgain();
    await eventually('forwarding is on', async () => (await condition('Forwarding')) === 'True');
    namespace.exec('sysctl', '-qw', 'net.ipv4.conf.eth2.forwarding=0');
    lookAgain();
    await eventually('forwarding is off for a NIC', async () => (await condition('Forwarding')) === 'False');
    namespace.exec(
      'sysctl',
      '-qw',
      'net.ipv4.ip_forward=0',
      'net.ipv4.conf.eth1.forwarding=1',
      'net.ipv4.conf.eth2.forwarding=1',
    );
    lookAgain();
    await eventually('it is on for each NIC', async () => (await condition('Forwarding')) === 'True');
    namespace.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    expect(await condition('ReversePath')).to.equal('True');
    namespace.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.eth1.rp_filter=0');
    namespace.ip('link', 'add', 'eth3', 'type', 'veth', 'peer', 'name', 'eth3p');
    namespace.ip('address', 'add', '172.20.1.99/24', 'dev', 'eth3');
    await eventually('two NICs are in a subnet', async () => (await hif()).spec.interfaces.length === 3);
    lookAgain();
    await eventually('a strict filter drops', async () => (await condition('ReversePath')) === 'False');
    namespace.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=2');
    lookAgain();
    await eventually('a loose filter does not', async () => (await condition('ReversePath')) === 'True');
    expect(await condition('ArpAnswers')).to.equal('True');
    await site.addNetwork('flat', networkSpec({ type: 'ipvlan', mode: 'l3', vlanMode: 'l3' }, 221));
    await eventually('one NIC answers for the other', async () => (await condition('ArpAnswers')) === 'False');
    namespace.exec('sysctl', '-qw', 'net.ipv4.conf.all.arp_ignore=1');
    lookAgain();
    await eventually('each for itself', async () => (await condition('ArpAnswers')) === 'True');
    namespace.ip('link', 'del', 'eth3');
    await eventually('one NIC less', async () => (await hif()).spec.interfaces.length === 2);
    // The primary NIC may be in the subnet, too, though it is none of the node's NICs to pods.
    namespace.ip('address', 'add', '172.20.1.99/24', 'dev', 'eth0');
    namespace.exec('sysctl', '-qw', 'net.ipv4.conf.all.arp_ignore=0', 'net.ipv4.conf.all.rp_filter=1');
    lookAgain();
    await eventually('the primary one answers', async () => (await condition('ArpAnswers')) === 'False');
    await eventually('the primary one drops', async () => (await condition('ReversePath')) === 'False');
    const messages = ((await hif()).status?.conditions ?? []).map(({ message }) => message).join();
    expect(messages).to.include('arp_ignore is 0 on eth0, eth1').and.to.include('strict (1) on eth0');
    namespace.ip('address', 'del', '172.20.1.99/24', 'dev', 'eth0');
    lookAgain();
    await eventually('it is alone again', async () => (await condition('ArpAnswers')) === 'True');
    namespace.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=2');
    await site.client.delete(multiNicNetworks, { name: 'flat' });
  });

  it('and one that says where pods cannot use the RDMA devices of their NICs', async () => {
    const [host] = site.hosts;
    const parameters = join(host!.folder, 'sys/module/ib_core/parameters');
    const rdma = async (): Promise<string | undefined> =>
      (await hif()).status?.conditions?.find(({ type }) => type === 'RdmaShared')?.reason;
    await eventually('no network needs them', async () => (await rdma()) === 'NoRdma');
    mkdirSync(parameters, { recursive: true });
    writeFileSync(join(parameters, 'netns_mode'), 'N\n');
    const interfaces = (await hif()).spec.interfaces.map(nic => ({ ...nic, rdma: `mlx5_${nic.interfaceName}` }));
    const mine = { metadata: { labels: { [label.unmanaged]: 'true' } }, spec: { interfaces } };
    await site.client.patch(hostInterfaces, { name: 'host-1' }, 'merge', mine);
    await site.addNetwork('rdma', {
      ...networkSpec({ type: 'ptp', vlanMode: 'l3' }, 222),
      plugin: { cniVersion: '0.3.1', type: 'host-device' },
    });
    await eventually('it stays on the host', async () => (await rdma()) === 'RdmaExclusive');
    const follow = (chain: object[]): Promise<unknown> =>
      site.client.patch(multiNicNetworks, { name: 'rdma' }, 'merge', { spec: { plugin: { chain } } });
    await follow([{ type: 'rdma' }]);
    await eventually('a plugin moves it', async () => (await rdma()) === 'NoRdma');
    await follow([]);
    await eventually('none does', async () => (await rdma()) === 'RdmaExclusive');
    writeFileSync(join(parameters, 'netns_mode'), 'Y\n');
    host!.namespace.ip('link', 'set', 'eth1', 'txqueuelen', '999');
    await eventually('it is shared', async () => (await rdma()) === 'Shared');
    await site.client.delete(multiNicNetworks, { name: 'rdma' });
    const theirs = { metadata: { labels: { [label.unmanaged]: null } } };
    await site.client.patch(hostInterfaces, { name: 'host-1' }, 'merge', theirs);
    await eventually('its agent’s again', async () => (await hif()).spec.interfaces.every(nic => !nic.rdma));
  });

  it('are there again at once where a NIC was away for a moment, though the API server does not answer', async () => {
    const { namespace } = site.hosts[0]!;
    const { apiServer } = site.cluster;
    await eventually('routes', twoRoutes);
    apiServer.pause();
    try {
      namespace.ip('link', 'del', 'eth2');
      await setTimeout(1000); // what there is to tell of that is on its way
      site.switches.batch([`link add h1n2 up master sw2 type veth peer name eth2 netns ${namespace.name}`]);
      namespace.batch(['link set eth2 up', 'address add 172.20.2.11/24 dev eth2']);
      await eventually('routes', twoRoutes, 5_000);
    } finally {
      apiServer.resume();
    }
  });

  it('stay while the agent is away, and go with the network', async () => {
    await eventually('routes', twoRoutes);
    await site.hosts[0]!.stopAgent('SIGTERM');
    expect(twoRoutes()).to.equal(true);
    await site.hosts[0]!.startAgent();
    await site.client.delete(multiNicNetworks, { name: 'l3' });
    await eventually('no routes', () => site.hosts[0]!.ownRoutes().length === 0);
    expect(site.hosts[0]!.namespace.ip('rule')).not.to.contain('proto 77');
  });
});
