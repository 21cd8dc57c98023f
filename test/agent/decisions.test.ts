import { expect } from 'chai';
import { annotation, attachmentsKey, label } from '../../core/api/names.ts';
import type { Allocation } from '../../core/api/types.ts';
import { formatPool, readPool } from '../../core/pool/content.ts';
import { hostInterfaces, ipPools, pods } from '../../kube/api/resources.ts';
import { chainedConfig, emptyResult } from './cniCalls.ts';
import { assignDevices } from './devices.ts';
import { networkSpec } from './networks.ts';
import { eventually } from '../eventually.ts';
import { errorOf, linkNames, multusConfig, resultOf, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

const ptp = { type: 'ptp', vlanMode: 'l3' } as const;

describe('agent: what a pod gets', function () {
  this.timeout(60_000);
  let site: Site;

  before(async function () {
    this.timeout(300_000);
    site = await Site.start({ hosts: 1, nics: 2 });
    await site.addNetwork('open', networkSpec(ptp, 210));
    await site.addNetwork('closed', { ...networkSpec(ptp, 211), namespaces: ['elsewhere'] });
    await site.addNetwork('six', {
      ...networkSpec(ptp, 0),
      subnet: '10.212.0.0/16,fd00:212::/48',
      ipam: JSON.stringify({
        ...{ type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3, vlanMode: 'l3' },
        routes: [
          { dst: '192.0.2.0/24', gw: '10.212.0.1' },
          { dst: '192.0.2.0/24', gw: '10.212.32.1' },
        ],
      }),
    });
    await site.addNetwork('way-out', {
      ...networkSpec(ptp, 216),
      ipam: JSON.stringify({
        ...{ type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3, vlanMode: 'l3' },
        routes: [{ dst: '0.0.0.0/0' }, { dst: '192.0.2.0/24' }],
      }),
    });
    await site.addNetwork('foreign-ipam', {
      ...networkSpec(ptp, 213),
      ipam: '{"type":"whereabouts"}',
      multiNICIPAM: false,
    });
    await site.addNetwork('switched', networkSpec({ type: 'macvlan', mode: 'bridge', vlanMode: 'l2' }, 217));
    await site.addNetwork('near', { ...networkSpec(ptp, 215), attachPolicy: { strategy: 'topology' } });
    await site.addNetwork('foreign-type', {
      ...networkSpec(ptp, 214),
      plugin: { cniVersion: '0.3.1', type: 'sriov' },
    });
  });
  after(() => site?.[Symbol.asyncDispose]());

  const record = async (network: string, pod: string): Promise<Allocation | undefined> => {
    const pool = await site.client.find(ipPools, { name: `${network}.host-1` });
    return readPool(pool).allocations.find(({ name }) => name === pod);
  };

  it('is near to its devices with the strategy topology, and stays there', async () => {
    const host = site.hosts[0]!;
    const known = await site.client.get(hostInterfaces, { name: host.nodeName });
    // The NICs of a namespace are on no NUMA node: a user says where they are.
    await site.client.patch(hostInterfaces, { name: host.nodeName }, 'merge', {
      metadata: { labels: { [label.unmanaged]: 'true' } },
      spec: { interfaces: known.spec.interfaces.map((nic, numaNode) => ({ ...nic, numaNode })) },
    });
    try {
      const near = async (name: string, devices: Record<string, Record<string, string[]>>) => {
        using sandbox = await Sandbox.make(site, host, name);
        assignDevices(host, sandbox.pod.metadata.uid!, devices);
        const config = await multusConfig(site, 'near', { cniArgs: { nics: 1 } });
        await sandbox.add(config);
        await sandbox.del(config);
        // Of a pod that holds its NICs already nothing is chosen again.
        assignDevices(host, sandbox.pod.metadata.uid!, {});
        await sandbox.add(config);
        await sandbox.del(config);
        return (await record('near', name))?.nics.map(({ master }) => master);
      };
      let asked = 0;
      await eventually('the agent to know its NUMA nodes', async () => {
        const [master] = (await near(`asked-${asked++}`, { 'nvidia.com/gpu': { '1': ['GPU-1'] } })) ?? [];
        return master === 'eth2';
      });
      expect(await near('beside-0', { 'nvidia.com/gpu': { '0': ['GPU-0'] } })).to.deep.equal(['eth1']);
      expect(await near('beside-1', { 'amd.com/gpu': { '1': ['a'] }, 'x.org/y': { '-1': ['b'] } })).to.deep.equal([
        'eth2',
      ]);
      expect(await near('beside-none', {})).to.deep.equal(['eth1']);
    } finally {
      await site.client.patch(hostInterfaces, { name: host.nodeName }, 'merge', {
        metadata: { labels: { [label.unmanaged]: null } },
      });
    }
  });

  it('is recorded in the pool of the node for the pod and interface, and released when the pod is gone', async () => {
    using sandbox = await Sandbox.make(site, site.hosts[0]!, 'recorded');
    const config = await multusConfig(site, 'open');
    const result = await sandbox.add(config);
    const held = await record('open', 'recorded');
    expect(held).to.include({ podUID: sandbox.pod.metadata.uid, interface: 'net1', state: 'Allocated' });
    expect(held?.nics.map(({ master }) => master)).to.deep.equal(['eth1', 'eth2']);
    expect(held?.nics.map(({ addresses }) => addresses[0]?.split('/')[0])).to.deep.equal(
      result.ips.map(({ address }) => address.split('/')[0]),
    );
    await sandbox.del(config);
    expect(await record('open', 'recorded')).to.include({ state: 'Allocated' });
    expect((await sandbox.add(config)).ips).to.deep.equal(result.ips);
    await site.removePod('recorded');
    expect(await record('open', 'recorded')).to.include({ state: 'Allocated' });
    await sandbox.del(config);
    await eventually('release', async () => (await record('open', 'recorded'))?.state === 'Released');
  });

  it('is no address that another pod of the node has, though the pool says nothing of it, as after a restoration', async () => {
    const host = site.hosts[0]!;
    const config = await multusConfig(site, 'switched', { cniArgs: { nics: 2 } });
    using before = await Sandbox.make(site, host, 'before');
    using after = await Sandbox.make(site, host, 'after');
    const { ips } = await before.add(config);
    const pool = await site.client.get(ipPools, { name: `switched.${host.nodeName}` });
    await site.client.updateStatus(ipPools, { ...pool, status: { allocations: [], cursors: [], used: 0 } });
    const { msg, details } = errorOf(await after.call('ADD', config));
    expect(msg).to.contain('pod default/before').and.contain('kubectl multinic audit');
    expect(details).to.contain('MNN_ADDRESS_TAKEN');
    expect(after.links()).to.deep.equal([]);
    await before.del(config);
    expect((await after.add(config)).ips).to.deep.equal(ips);
    await after.del(config);
  });

  it('is on the NIC of the recorded subnet where the host calls that otherwise, after a reboot for example', async () => {
    const config = await multusConfig(site, 'switched', { cniArgs: { nics: 2 } });
    const [host] = site.hosts;
    const rename = async (from: string, to: string): Promise<void> => {
      host!.namespace.batch([`link set ${from} down`, `link set ${from} name ${to}`, `link set ${to} up`]);
      await eventually(`${to} is known`, async () => {
        const { spec } = await site.client.get(hostInterfaces, { name: host!.nodeName });
        return spec.interfaces.some(nic => nic.interfaceName === to && nic.linkState === 'up');
      });
    };
    using sandbox = await Sandbox.make(site, host!, 'before-reboot');
    const result = await sandbox.add(config);
    await sandbox.del(config);
    await rename('eth2', 'ens2');
    try {
      using next = new Sandbox(host!, sandbox.pod);
      const again = await eventually('the agent knows of it', async () => {
        const ending = await next.call('ADD', config);
        return ending.exitCode === 0 ? resultOf(ending) : undefined;
      });
      expect(again.ips).to.deep.equal(result.ips);
      await next.del(config);
    } finally {
      await rename('ens2', 'eth2');
    }
  });

  it('is not what its author wrote into the annotation', async () => {
    const forged = [{ master: 'eth0', netAddress: '172.20.0.0/24', addresses: ['172.20.0.99/24'] }];
    const element = { name: 'open', 'cni-args': { [attachmentsKey]: forged } };
    const annotations = { [annotation.networks]: JSON.stringify([element]) };
    using sandbox = await Sandbox.make(site, site.hosts[0]!, 'forger', annotations);
    const result = await sandbox.add(await multusConfig(site, 'open', { cniArgs: element['cni-args'] }));
    expect(result.ips.map(({ address }) => address)).to.have.length(2);
    for (const { address } of result.ips) expect(address).to.match(/^10\.210\./);
  });

  it('honours nics and masters of cni-args, and the asked address', async () => {
    using sandbox = await Sandbox.make(site, site.hosts[0]!, 'asking');
    const config = await multusConfig(site, 'open', {
      cniArgs: { masters: ['eth2'] },
      runtimeConfig: { ips: ['10.210.32.40'], mac: '02:00:00:00:00:2A' },
    });
    const result = await sandbox.add(config);
    expect(result.ips.map(({ address }) => address)).to.deep.equal(['10.210.32.40/32']);
    expect(result.interfaces[0]).to.include({ name: 'net1-0', mac: '02:00:00:00:00:2a' });
    const other = { ...config, runtimeConfig: { ips: ['10.210.32.41'] } };
    expect(errorOf(await sandbox.call('ADD', other)).details).to.contain('MNN_IPS_DIFFER');
  });

  it('is of both families, with the routes of spec.ipam.routes as one multipath route', async () => {
    using sandbox = await Sandbox.make(site, site.hosts[0]!, 'dual');
    const runtimeConfig = { ips: ['FD00:212::0:9'] };
    const config = { ...(await multusConfig(site, 'six')), runtimeConfig };
    const result = resultOf(await sandbox.call('ADD', { ...config, cniVersion: '1.1.0' }));
    expect(result.ips[1]?.address, 'the asked one, however it is written').to.equal('fd00:212::9/128');
    expect(result.ips.map(({ address }) => address.split('/')[1])).to.deep.equal(['32', '128', '32', '128']);
    expect(result.interfaces[0]).to.have.property('mtu', 1500);
    expect(result.routes).to.have.length(2);
    expect(sandbox.namespace.ip('route', 'show', '192.0.2.0/24').match(/nexthop/g)).to.have.length(2);
    const [, v6 = ''] = result.ips.map(({ address }) => address.split('/')[0] ?? '');
    expect(site.hosts[0]!.namespace.ip('-6', 'route', 'get', v6)).to.contain('dev mnp');
    expect(sandbox.namespace.ip('-6', 'route', 'get', 'fd00:212:0:1::5')).to.contain('via fe80::1 dev net1-0');
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0 });
    await sandbox.del(config);
  });

  it('is refused with a reason and the CNI code for it', async () => {
    using sandbox = await Sandbox.make(site, site.hosts[0]!, 'refused');
    const open = await multusConfig(site, 'open');
    const code = async (
      config: object | string,
      over: { netns?: string } = {},
    ): Promise<[number, string | undefined]> => {
      const { code: number, details } = errorOf(await sandbox.call('ADD', config as object, over));
      return [number, /^MNN_\w+/.exec(details)?.[0]];
    };
    expect(await code(await multusConfig(site, 'closed'))).to.deep.equal([100, 'MNN_NETWORK_NOT_ALLOWED']);
    expect(await code(await multusConfig(site, 'foreign-ipam'))).to.deep.equal([103, 'MNN_DELEGATE_MISSING']);
    expect(await code(await multusConfig(site, 'foreign-type'))).to.deep.equal([101, 'MNN_DEVICE_MISSING']);
    expect(await code({ ...open, name: 'nowhere' })).to.deep.equal([7, 'MNN_NETWORK_UNKNOWN']);
    expect(await code({ ...open, name: '' })).to.deep.equal([7, 'MNN_CNI_CONFIG']);
    expect(await code({ ...open, cniVersion: '0.1.0' })).to.deep.equal([1, 'MNN_CNI_VERSION']);
    expect(await code(open, { netns: '/run/netns/none' })).to.deep.equal([8, 'MNN_CNI_NETNS']);
    expect(await code(open, { netns: `/proc/${site.hosts[0]!.agentPid}/ns/net` })).to.deep.equal([8, 'MNN_CNI_NETNS']);
    expect(await code(await multusConfig(site, 'open', { cniArgs: { nics: 3 } }))).to.deep.equal([
      101,
      'MNN_NODE_LACKS',
    ]);
    expect(await code(await multusConfig(site, 'open', { cniArgs: { nics: 'x' } }))).to.deep.equal([
      7,
      'MNN_CNI_ARGS_INVALID',
    ]);
    await site.client.delete(pods, { namespace: 'default', name: 'refused' });
    const closed = await multusConfig(site, 'closed');
    await eventually('the agent knows that the pod ends', async () => (await code(closed))[1] === 'MNN_POD_ENDING');
    expect(await code(open)).to.deep.equal([100, 'MNN_POD_ENDING']);
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('is what there is, where the pod says that less will do', async () => {
    const annotations = { [annotation.bestEffort]: 'true' };
    using sandbox = await Sandbox.make(site, site.hosts[0]!, 'modest', annotations);
    const result = await sandbox.add(await multusConfig(site, 'open', { cniArgs: { nics: 3 } }));
    expect(result.ips).to.have.length(2);
  });

  it('takes all default routes without Multus where the pod wants it so', async () => {
    const element = { name: 'six', 'cni-args': { nics: 2 }, 'default-route': ['10.212.0.9', 'fd00:212::9'] };
    const annotations = { [annotation.networks]: JSON.stringify([element]) };
    using sandbox = await Sandbox.make(site, site.hosts[0]!, 'default-route', annotations);
    const { namespace } = sandbox;
    namespace.batch([
      'link add eth0 type veth peer name out',
      'address add 10.1.0.5/24 dev eth0',
      'address add fd01::5/64 dev eth0 nodad',
      'link set eth0 up',
      'route add default via 10.1.0.1',
      'route add default via 10.1.0.2 metric 100',
      'route add ::/0 via fd01::1',
      'route append ::/0 via fd01::2',
      'route add ::/0 via fd01::3 metric 512 proto ra',
    ]);
    const config = chainedConfig('1.0.0', emptyResult);
    await sandbox.add(config, 'eth0');
    for (const [family, elsewhere] of [
      ['-4', '198.51.100.1'],
      ['-6', '2001:db8::1'],
    ] as const) {
      expect(namespace.ip(family, 'route', 'show', 'default').trim().split('\n')).to.have.length(1);
      expect(namespace.ip(family, 'route', 'get', elsewhere)).to.contain('dev net1-0');
    }
    // A router that is heard of later brings none back.
    expect(namespace.exec('sysctl', '-n', 'net.ipv6.conf.eth0.accept_ra_defrtr').trim()).to.equal('0');
    expect(await sandbox.call('DEL', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
  });

  it('has the default route that it chose, also where its other networks have one', async () => {
    const chosen = { name: 'six', 'cni-args': { nics: 1 }, 'default-route': ['10.212.0.9'] };
    const text = JSON.stringify([{ name: 'way-out' }, chosen, { name: 'way-out' }]);
    using sandbox = await Sandbox.make(site, site.hosts[0]!, 'chosen', { [annotation.networks]: text });
    const { namespace } = sandbox;
    const config = chainedConfig('1.0.0', emptyResult);
    await sandbox.add(config, 'eth0');
    expect(await sandbox.call('CHECK', config, { ifname: 'eth0' })).to.include({ exitCode: 0, stdout: '' });
    expect(namespace.ip('-4', 'route', 'show', 'default')).to.match(/^default via 169\.254\.1\.1 dev net2-0 .*\n$/);
    expect(namespace.ip('-4', 'route', 'show', '192.0.2.0/24').trim().split('\n')).to.have.length(3);
    expect(await sandbox.call('DEL', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
  });

  it('comes all at once without Multus, with the status that Multus would write', async () => {
    const networks = JSON.stringify([{ name: 'open', 'cni-args': { nics: 1 } }, { name: 'six' }]);
    using sandbox = await Sandbox.make(site, site.hosts[0]!, 'chained', { [annotation.networks]: networks });
    const prevResult = {
      cniVersion: '1.0.0',
      interfaces: [
        { name: 'veth1', mac: '0a:00:00:00:00:01' },
        { name: 'eth0', mac: '0a:00:00:00:00:02', sandbox: sandbox.namespace.path },
      ],
      ips: [{ address: '10.1.0.5/24', gateway: '10.1.0.1', interface: 1 }],
      routes: [{ dst: '0.0.0.0/0' }],
      dns: {},
    };
    const config = chainedConfig('1.0.0', prevResult);
    const result = await sandbox.add(config, 'eth0');
    expect(result).to.deep.equal(prevResult);
    expect(sandbox.links()).to.deep.equal(['net1-0', 'net2-0', 'net2-1']);
    const text = await eventually('the status', async () => {
      const pod = await site.client.get(pods, { namespace: 'default', name: 'chained' });
      return pod.metadata.annotations?.[annotation.networkStatus];
    });
    const status = JSON.parse(text) as {
      name: string;
      interface: string;
      ips: string[];
      mac: string;
      default?: boolean;
    }[];
    expect(status.map(({ name, interface: ifname }) => `${name} ${ifname}`)).to.deep.equal([
      'primary eth0',
      'default/open net1-0',
      'default/six net2-0',
      'default/six net2-1',
    ]);
    expect(status[0]).to.deep.equal({
      name: 'primary',
      interface: 'eth0',
      ips: ['10.1.0.5'],
      mac: '0a:00:00:00:00:02',
      default: true,
      dns: {},
    });
    expect(status[2]?.ips).to.have.length(2);
    const withoutResult = { ...config, prevResult: undefined };
    expect(await sandbox.call('CHECK', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
    expect(await sandbox.call('DEL', withoutResult, { ifname: 'eth0' })).to.include({ exitCode: 0 });
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('is all or nothing in a chained call', async () => {
    const networks = JSON.stringify([{ name: 'open' }, { name: 'closed' }]);
    using sandbox = await Sandbox.make(site, site.hosts[0]!, 'half', { [annotation.networks]: networks });
    const config = { cniVersion: '1.0.0', name: 'primary', type: 'multi-nic', prevResult: { cniVersion: '1.0.0' } };
    expect(errorOf(await sandbox.call('ADD', config, { ifname: 'eth0' })).code).to.equal(100);
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('goes with GC where the runtime does not know it', async () => {
    const config = await multusConfig(site, 'open', { cniArgs: { nics: 1 } });
    const hostLinks = linkNames(site.hosts[0]!.namespace).length;
    using kept = await Sandbox.make(site, site.hosts[0]!, 'kept');
    using stale = await Sandbox.make(site, site.hosts[0]!, 'stale');
    await Promise.all([kept.add(config), stale.add(config)]);
    const valid = [{ containerID: kept.containerId, ifname: 'net1' }];
    const gc = { ...config, cniVersion: '1.1.0', 'cni.dev/valid-attachments': valid };
    expect(await site.hosts[0]!.cni({ command: 'GC', containerId: '', config: gc })).to.include({ exitCode: 0 });
    expect(kept.links()).to.deep.equal(['net1-0']);
    expect(stale.links()).to.deep.equal([]);
    await kept.del(config);
    expect(linkNames(site.hosts[0]!.namespace)).to.have.length(hostLinks);
  });

  it('can be taken away while the API server is away', async () => {
    const config = await multusConfig(site, 'open');
    using sandbox = await Sandbox.make(site, site.hosts[0]!, 'offline');
    await sandbox.add(config);
    await site.removePod('offline');
    site.cluster.apiServer.pause();
    try {
      await sandbox.del(config);
      expect(sandbox.links()).to.deep.equal([]);
    } finally {
      site.cluster.apiServer.resume();
    }
    await eventually('release', async () => (await record('open', 'offline'))?.state === 'Released', 40_000);
  });

  it('is given back as soon as the agent is there again, where the pod ended meanwhile', async () => {
    const config = await multusConfig(site, 'open');
    const [host] = site.hosts;
    using sandbox = await Sandbox.make(site, host!, 'ended');
    await sandbox.add(config);
    await sandbox.del(config);
    await host!.stopAgent('SIGKILL');
    await site.removePod('ended');
    // Young records are left alone: they may be of a pod that is just being created.
    const pool = await site.client.get(ipPools, { name: 'open.host-1' });
    const content = readPool(pool);
    const allocations = content.allocations.map(held => ({ ...held, since: '2026-01-01T00:00:00Z' }));
    await site.client.updateStatus(ipPools, { ...pool, status: formatPool({ ...content, allocations }) });
    await host!.startAgent();
    await eventually('release', async () => (await record('open', 'ended'))?.state === 'Released');
  });

  it('is given back after a reboot, which leaves no namespace and no DEL', async () => {
    const config = await multusConfig(site, 'open');
    const [host] = site.hosts;
    const sandbox = await Sandbox.make(site, host!, 'rebooted');
    await sandbox.add(config);
    await host!.stopAgent('SIGKILL');
    sandbox.namespace[Symbol.dispose]();
    await site.removePod('rebooted');
    await host!.startAgent();
    await eventually('release', async () => (await record('open', 'rebooted'))?.state === 'Released');
  });
});
