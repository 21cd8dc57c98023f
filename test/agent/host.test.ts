import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { linkStateMs } from '../../agent/discovery/hostInterfaceWriter.ts';
import { label } from '../../core/api/names.ts';
import type { HostInterface, HostNic } from '../../core/api/types.ts';
import { hostInterfaces } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { networkSpec } from './networks.ts';
import { Site } from './site.ts';

describe('agent: its host', function () {
  this.timeout(60_000);
  let site: Site;

  before(async function () {
    site = await Site.start({ hosts: 2, nics: 2 });
    await site.addNetwork('l3', networkSpec({ type: 'ptp', vlanMode: 'l3' }, 220));
  });
  after(() => site[Symbol.asyncDispose]());

  const hif = (): Promise<HostInterface> => site.client.get(hostInterfaces, { name: 'host-1' });

  it('has its NICs, but not the primary one, in its HostInterface, and follows changes', async () => {
    const { namespace } = site.hosts[0]!;
    expect(
      (await hif()).spec.interfaces.map(nic => `${nic.interfaceName} ${nic.netAddress} ${nic.hostIP}`),
    ).to.deep.equal(['eth1 172.20.1.0/24 172.20.1.11', 'eth2 172.20.2.0/24 172.20.2.11']);
    namespace.ip('link', 'set', 'eth2', 'mtu', '1400');
    namespace.ip('address', 'add', 'fd00:1::11/64', 'dev', 'eth1', 'nodad');
    const changed = await eventually('the change', async () => {
      const [first, second] = (await hif()).spec.interfaces;
      return second?.mtu === 1400 && first?.addresses?.length === 2 ? first : undefined;
    });
    expect(changed.addresses).to.deep.equal([
      { netAddress: '172.20.1.0/24', hostIP: '172.20.1.11' },
      { netAddress: 'fd00:1::/64', hostIP: 'fd00:1::11' },
    ]);
    namespace.ip('address', 'del', 'fd00:1::11/64', 'dev', 'eth1');
    await eventually('the address is gone', async () => (await hif()).spec.interfaces[0]?.addresses === undefined);
  });

  it('lists hundreds of addresses, and of NICs, as hosts have with virtual addresses and VLANs', async () => {
    const { namespace } = site.hosts[0]!;
    const count = 300;
    const each = (line: (i: number) => string): string[] => Array.from({ length: count }, (_, i) => line(i));
    const virtual = each(i => `10.97.${i >> 7}.${i & 127}/32 dev eth1`);
    namespace.batch(virtual.map(address => `address add ${address}`));
    await eventually('all addresses', async () => (await hif()).spec.interfaces[0]?.addresses?.length === count + 1);
    namespace.batch(virtual.map(address => `address del ${address}`));
    namespace.batch([
      ...each(i => `link add vlan${i} type veth peer name trunk${i}`),
      ...each(i => `address add 10.96.${i >> 6}.${4 * (i & 63) + 1}/30 dev vlan${i}`),
    ]);
    await eventually('all NICs', async () => (await hif()).spec.interfaces.length === count + 2);
    namespace.batch(each(i => `link del vlan${i}`));
    await eventually('they are gone', async () => (await hif()).spec.interfaces.length === 2);
  });

  it('takes a subnet that routers advertise for that of an address which came without one', async () => {
    const { namespace } = site.hosts[0]!;
    const subnets = async (): Promise<(string | undefined)[]> =>
      ((await hif()).spec.interfaces[0]?.addresses ?? []).map(({ netAddress }) => netAddress);
    namespace.ip('address', 'add', 'fd00:5::11/128', 'dev', 'eth1', 'nodad');
    await eventually('the address', async () => (await subnets())[1] === 'fd00:5::11/128');
    namespace.ip('route', 'add', 'fd00:5::/64', 'dev', 'eth1', 'proto', 'ra');
    await eventually('its subnet', async () => (await subnets())[1] === 'fd00:5::/64');
    namespace.batch(['route del fd00:5::/64 dev eth1', 'address del fd00:5::11/128 dev eth1']);
    await eventually('it is gone', async () => (await subnets()).length === 0);
  });

  it('leaves a NIC that has IPv6 alone in its subnet when it gets another address', async () => {
    const { namespace } = site.hosts[0]!;
    const nic = async (): Promise<HostNic | undefined> =>
      (await hif()).spec.interfaces.find(({ interfaceName }) => interfaceName === 'six');
    namespace.batch([
      'link add six up type veth peer name peer6',
      'link set peer6 up',
      'address add fd00:51::11/64 dev six nodad',
    ]);
    await eventually('the NIC', async () => (await nic())?.netAddress === 'fd00:51::/64');
    namespace.ip('address', 'add', 'fd00:52::11/64', 'dev', 'six', 'nodad');
    const { netAddress, hostIP } = await eventually('both addresses', async () => {
      const found = await nic();
      return found?.addresses?.length === 2 ? found : undefined;
    });
    expect([netAddress, hostIP]).to.deep.equal(['fd00:51::/64', 'fd00:51::11']);
    namespace.ip('link', 'del', 'six');
    await eventually('it is gone', async () => (await nic()) === undefined);
  });

  it('offers the same NICs while its default route is away and another NIC has one', async () => {
    const [host] = site.hosts;
    const { namespace } = host!;
    const mtuOf = async (mtu: number): Promise<string[]> => {
      namespace.ip('link', 'set', 'eth2', 'mtu', String(mtu));
      const found = await eventually('the change', async () => {
        const { interfaces } = (await hif()).spec;
        return interfaces.some(nic => nic.mtu === mtu) ? interfaces : undefined;
      });
      return found.map(({ interfaceName }) => interfaceName);
    };
    await host!.stopAgent('SIGTERM');
    await host!.startAgent({}, ['--node-ip', '172.20.0.11']);
    namespace.ip('route', 'add', 'default', 'via', '172.20.1.1', 'dev', 'eth1', 'metric', '200');
    expect(await mtuOf(1401)).to.deep.equal(['eth1', 'eth2']);
    namespace.ip('route', 'del', 'default', 'dev', 'eth0');
    expect(await mtuOf(1402)).to.deep.equal(['eth1', 'eth2']);
    namespace.ip('route', 'add', 'default', 'via', '172.20.0.1', 'dev', 'eth0');
    namespace.ip('route', 'del', 'default', 'dev', 'eth1');
    expect(await mtuOf(1400)).to.deep.equal(['eth1', 'eth2']);
  });

  it('offers what its rules leave, and the primary NIC only where it is asked to', async () => {
    const [host] = site.hosts;
    for (const [flags, wanted] of [
      [['--exclude', 'eth2'], 'eth1'],
      [['--exclude', 'subnet:172.20.1.0/24'], 'eth2'],
      [['--with-primary'], 'eth0 eth1 eth2'],
      [[], 'eth1 eth2'],
    ] as const) {
      await host!.stopAgent('SIGTERM');
      await host!.startAgent({}, flags);
      await eventually(`${flags.join(' ')}: ${wanted}`, async () => {
        const names = (await hif()).spec.interfaces.map(nic => nic.interfaceName);
        return names.join(' ') === wanted;
      });
    }
  });

  it('tells of a link that flaps now and then, and how it is in the end', async () => {
    const { namespace } = site.hosts[0]!;
    const isTold = (state: 'up' | 'down') => async () => {
      const { spec, status } = await hif();
      const condition = status?.conditions?.find(({ type }) => type === 'RoutesProgrammed');
      // That no routes lead out of it is no failure of the host's.
      return spec.interfaces[1]?.linkState === state && condition?.status === 'True';
    };
    await eventually('eth2 is up', isTold('up'));
    const { resourceVersion = '' } = (await hif()).metadata;
    const ending = new AbortController();
    const watch = site.client.watch(hostInterfaces, {
      ...{ resourceVersion, fieldSelector: 'metadata.name=host-1', signal: ending.signal },
    });
    let writes = 0;
    const watching = (async () => {
      for await (const { type } of watch) if (type === 'MODIFIED') writes++;
    })().catch(() => undefined);
    const began = performance.now();
    for (let i = 0; i < 10; i++) {
      namespace.ip('link', 'set', 'eth2', i % 2 === 0 ? 'down' : 'up');
      await setTimeout(500);
    }
    namespace.ip('link', 'set', 'eth2', 'down');
    await eventually('eth2 is down', isTold('down'));
    // The link's state, and that routes cannot be made where it went down that moment.
    expect(writes).to.be.lessThanOrEqual(2 * (1 + Math.floor((performance.now() - began) / linkStateMs)));
    namespace.ip('link', 'set', 'eth2', 'up');
    await eventually('eth2 is up again', isTold('up'));
    ending.abort();
    await watching;
  });

  it('does not list bridges, their ports, tunnels and what has no address', async () => {
    const { namespace } = site.hosts[0]!;
    namespace.ip('link', 'add', 'cni0', 'type', 'bridge');
    namespace.ip('address', 'add', '10.99.0.1/24', 'dev', 'cni0');
    namespace.ip('link', 'add', 'port', 'type', 'veth', 'peer', 'name', 'inside');
    namespace.ip('link', 'set', 'port', 'master', 'cni0');
    namespace.ip('address', 'add', '10.98.0.1/24', 'dev', 'port');
    namespace.ip('link', 'add', 'tunnel', 'type', 'vxlan', 'id', '5', 'dstport', '4789', 'dev', 'eth0');
    namespace.ip('address', 'add', '10.97.0.1/24', 'dev', 'tunnel');
    // Seen once the change that comes after all of them is.
    namespace.ip('link', 'add', 'late', 'type', 'veth', 'peer', 'name', 'latepeer');
    namespace.ip('address', 'add', '10.96.0.1/24', 'dev', 'late');
    const names = async (): Promise<string[]> => (await hif()).spec.interfaces.map(nic => nic.interfaceName);
    await eventually('the last change', async () => (await names()).includes('late'));
    expect(await names()).to.deep.equal(['eth1', 'eth2', 'late']);
    for (const dev of ['late', 'cni0', 'port', 'tunnel']) namespace.ip('link', 'del', dev);
    await eventually('it is gone again', async () => (await names()).length === 2);
  });

  it('is written again when somebody deletes it, and never when its user owns it', async () => {
    await site.client.delete(hostInterfaces, { name: 'host-1' });
    await eventually('it is back', () => site.client.find(hostInterfaces, { name: 'host-1' }));
    const { spec } = await hif();
    const mine = {
      metadata: { labels: { [label.unmanaged]: 'TRUE' } },
      spec: { ...spec, interfaces: [spec.interfaces[0]] },
    };
    await site.client.patch(hostInterfaces, { name: 'host-1' }, 'merge', mine);
    site.hosts[0]!.namespace.ip('link', 'set', 'eth1', 'mtu', '1450');
    const other = await site.client.get(hostInterfaces, { name: 'host-2' });
    site.hosts[1]!.namespace.ip('link', 'set', 'eth1', 'mtu', '1450');
    await eventually('the other host follows', async () => {
      const { metadata } = await site.client.get(hostInterfaces, { name: 'host-2' });
      return metadata.resourceVersion !== other.metadata.resourceVersion;
    });
    expect((await hif()).spec.interfaces.map(({ mtu }) => mtu)).to.deep.equal([1500]);
    const shown = (): string => site.hosts[0]!.metric('multinic_nic_up').join();
    await eventually('no alert on a NIC that the user left out', () => shown() === '{nic="eth1"} 1');
    await site.client.patch(hostInterfaces, { name: 'host-1' }, 'merge', {
      metadata: { labels: { [label.unmanaged]: null } },
    });
    await eventually('it is managed again', async () => (await hif()).spec.interfaces.length === 2);
  });
});
