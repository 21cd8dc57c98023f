import { expect } from 'chai';
import { placesConditionType } from '../../agent/discovery/nicPlaces.ts';
import type { HostNic } from '../../core/api/types.ts';
import { hostInterfaces } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import type { Host } from './host.ts';
import { networkSpec } from './networks.ts';
import { multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

/** A device that is reset or unplugged, a driver that is loaded again, a lease that is not renewed. */
describe('agent: a NIC that goes, or comes, before others in its subnet', function () {
  this.timeout(120_000);
  let site: Site;
  let host: Host;

  before(async function () {
    site = await Site.start({ hosts: 2, nics: 3 });
    host = site.hosts[0]!;
    for (const [i, { namespace }] of site.hosts.entries()) {
      namespace.batch([`address del 172.20.2.${11 + i}/24 dev eth2`, `address add 172.20.1.${111 + i}/24 dev eth2`]);
    }
    await eventually('eth2 in the subnet of eth1', async () =>
      (await Promise.all(site.hosts.map(nicsOf))).every(nics => nics[1]?.netAddress === '172.20.1.0/24'),
    );
    await site.addNetwork('rails', networkSpec({ type: 'ptp', vlanMode: 'l3' }, 229));
  });
  after(() => site[Symbol.asyncDispose]());

  const nicsOf = async ({ nodeName }: Host): Promise<readonly HostNic[]> =>
    (await site.client.get(hostInterfaces, { name: nodeName })).spec.interfaces;
  const linkStates = async (): Promise<string[]> =>
    (await nicsOf(host)).map(({ interfaceName, linkState }) => `${interfaceName} ${linkState}`);
  const inPlace = async (): Promise<string | undefined> => {
    const { status } = await site.client.get(hostInterfaces, { name: host.nodeName });
    return status?.conditions?.find(({ type }) => type === placesConditionType)?.message.replace(/ until .*/, '');
  };
  /** The other host's routes to this one's pods: which block is behind which NIC. */
  const routes = (): string[] =>
    site.hosts[1]!.ownRoutes()
      .map(route => route.split(' ').slice(0, 5).join(' '))
      .sort();

  it('leaves the pods on the others where they are: one that goes keeps its place, one that comes waits', async () => {
    const config = await multusConfig(site, 'rails', { cniArgs: { nics: 3 } });
    const one = await multusConfig(site, 'rails', { cniArgs: { nics: 1 } });
    using sandbox = await Sandbox.make(site, host, 'on-all');
    const { ips } = await sandbox.add(config);
    await eventually('the routes', () => routes().length === 3);
    const before = routes();

    host.namespace.ip('address', 'del', '172.20.1.11/24', 'dev', 'eth1');
    await eventually('the loss is known', async () => !(await linkStates()).includes('eth1 up'));
    expect(await linkStates()).to.deep.equal(['eth1 down', 'eth2 up', 'eth3 up']);

    await host.stopAgent('SIGKILL');
    await host.startAgent();
    using later = await Sandbox.make(site, host, 'on-one');
    const [ofLater] = (await later.add(one)).ips;
    const block = (address = ''): string =>
      address.split('.').slice(0, 2).join('.') + (Number(address.split('.')[2]) >> 5);
    expect(block(ofLater?.address)).to.equal(block(ips[1]!.address));
    expect(routes()).to.deep.equal(before);

    host.namespace.ip('address', 'add', '172.20.1.11/24', 'dev', 'eth1');
    await eventually('it is back', async () => (await linkStates()).includes('eth1 up'));
    expect(routes()).to.deep.equal(before);

    host.namespace.batch([
      'link add ath9 up type veth peer name peer9',
      'link set peer9 up',
      'address add 172.20.1.99/24 dev ath9',
    ]);
    await eventually('another one waits', async () => (await inPlace()) === 'ath9 is new and not offered');
    expect(await linkStates()).to.deep.equal(['eth1 up', 'eth2 up', 'eth3 up']);
    host.namespace.ip('link', 'del', 'ath9');
    await eventually('it is gone', async () => (await inPlace()) === 'Every NIC that the host has is offered');

    host.namespace.ip('address', 'del', '172.20.1.11/24', 'dev', 'eth1');
    for (const each of [sandbox, later]) {
      await each.del(config);
      await site.removePod(each.pod.metadata.name);
    }

    let n = 1;
    await eventually('it is forgotten with the last pod', async () => {
      host.namespace.ip('address', 'replace', `172.20.9.${n++}/24`, 'dev', 'eth3');
      return (await linkStates()).join() === 'eth2 up,eth3 up';
    });
  });
});
