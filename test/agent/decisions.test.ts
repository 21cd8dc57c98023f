import { expect } from 'chai';
import { annotation, attachmentsKey, label } from '../../core/api/names.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import { formatPool, readPool } from '../../core/pool/content.ts';
import { hostInterfaces, ipPools, pods } from '../../kube/api/resources.ts';
import { claimantOf } from '../../kube/grants/claimantOf.ts';
import { grantOnNode } from '../../kube/grants/grant.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import { eventually } from '../eventually.ts';
import { watchedView } from '../kube/networkView.ts';
import { silent } from '../kube/support.ts';
import { dualStack, ptpSpec } from './cniCalls.ts';
import { assignDevices } from './devices.ts';
import type { Host } from './host.ts';
import { networkSpec } from './networks.ts';
import { errorOf, multusConfig, resultOf, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

describe('agent: what a pod gets', function () {
  this.timeout(60_000);
  let site: Site;
  let host: Host;

  before(async function () {
    this.timeout(300_000);
    site = await Site.start({ hosts: 1, nics: 2 });
    host = site.hosts[0]!;
    await site.addNetwork('open', ptpSpec(210));
    await site.addNetwork('closed', { ...ptpSpec(211), namespaces: ['elsewhere'] });
    await site.addNetwork('six', dualStack);
    await site.addNetwork('foreign-ipam', {
      ...ptpSpec(213),
      ipam: '{"type":"whereabouts"}',
      multiNICIPAM: false,
    });
    await site.addNetwork('switched', networkSpec({ type: 'macvlan', mode: 'bridge', vlanMode: 'l2' }, 217));
    await site.addNetwork('near', { ...ptpSpec(215), attachPolicy: { strategy: 'topology' } });
    await site.addNetwork('foreign-type', {
      ...ptpSpec(214),
      plugin: { cniVersion: '0.3.1', type: 'sriov' },
    });
  });
  after(() => site?.[Symbol.asyncDispose]());

  it('is near to its devices with the strategy topology, and stays there', async () => {
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
        return (await site.recordOf('near', name))?.nics.map(({ master }) => master);
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
    using sandbox = await Sandbox.make(site, host, 'recorded');
    const config = await multusConfig(site, 'open');
    const result = await sandbox.add(config);
    const held = await site.recordOf('open', 'recorded');
    expect(held).to.include({ podUID: sandbox.pod.metadata.uid, interface: 'net1', state: 'Allocated' });
    expect(held?.nics.map(({ master }) => master)).to.deep.equal(['eth1', 'eth2']);
    expect(held?.nics.map(({ addresses }) => addresses[0]?.split('/')[0])).to.deep.equal(
      result.ips.map(({ address }) => address.split('/')[0]),
    );
    await sandbox.del(config);
    expect(await site.recordOf('open', 'recorded')).to.include({ state: 'Allocated' });
    expect((await sandbox.add(config)).ips).to.deep.equal(result.ips);
    await site.removePod('recorded');
    expect(await site.recordOf('open', 'recorded')).to.include({ state: 'Allocated' });
    await sandbox.del(config);
    await eventually('release', async () => (await site.recordOf('open', 'recorded'))?.state === 'Released');
  });

  it('is one set of addresses where a webhook grants them at the same moment: of two writers of the pool one finds the other’s record', async () => {
    const host = site.hosts[0]!;
    const config = await multusConfig(site, 'open', { cniArgs: { nics: 2 } });
    await using watched = watchedView(site.client);
    const { view } = watched;
    const store = new PoolStore(site.client, { logger: silent });
    await eventually('the network and its host', () => view.network('open') && view.host(host.nodeName));
    for (const name of ['both-1', 'both-2', 'both-3', 'both-4']) {
      using sandbox = await Sandbox.make(site, host, name);
      const claimant = claimantOf(sandbox.pod, 'net1');
      const wanted = { network: 'open', node: host.nodeName, claimant, request: { nics: 2 } };
      const [{ ips }, { nics }] = await Promise.all([
        sandbox.add(config),
        grantOnNode(view, store, wanted, { timeoutMs: 10_000 }),
      ]);
      const granted = nics.flatMap(({ addresses }) => addresses.map(withoutPrefix));
      expect(granted).to.deep.equal(ips.map(({ address }) => withoutPrefix(address)));
      const { allocations } = readPool(await site.client.get(ipPools, { name: `open.${host.nodeName}` }));
      expect(allocations.filter(record => record.name === name)).to.have.length(1);
      await sandbox.del(config);
      await site.removePod(name);
    }
  });

  it('is nothing for an interface that another webhook has given to somebody else’s network since it was reserved', async () => {
    await using watched = watchedView(site.client);
    const { view } = watched;
    const store = new PoolStore(site.client, { logger: silent });
    await eventually('the network and its host', () => view.network('open') && view.host(host.nodeName));
    const reserved = { podUID: '', reservation: 'moved', namespace: 'default', name: 'moved' };
    const reserve = (ifname: string) =>
      grantOnNode(
        view,
        store,
        {
          network: 'open',
          node: host.nodeName,
          claimant: { ...reserved, interface: ifname },
          request: { nics: 2 },
        },
        { timeoutMs: 10_000 },
      );
    await reserve('net1');
    const { nics } = await reserve('net2');
    using sandbox = await Sandbox.make(site, host, 'moved', {
      [annotation.reservation]: 'moved',
      [annotation.networks]: JSON.stringify([{ name: 'foreign' }, { name: 'open' }]),
    });
    const config = await multusConfig(site, 'open', { cniArgs: { [attachmentsKey]: nics } });
    await sandbox.add(config, 'net2');
    const { allocations } = readPool(await site.client.get(ipPools, { name: `open.${host.nodeName}` }));
    const states = allocations.filter(({ name }) => name === 'moved').map(record => [record.interface, record.state]);
    expect(states).to.have.deep.members([
      ['net1', 'Released'],
      ['net2', 'Allocated'],
    ]);
    expect(await sandbox.call('DEL', config, { ifname: 'net2' })).to.include({ exitCode: 0 });
    await site.removePod('moved');
  });

  it('is no address that another pod of the node has, though the pool says that it is this one’s, as after a restoration', async () => {
    const host = site.hosts[0]!;
    const config = await multusConfig(site, 'switched', { cniArgs: { nics: 2 } });
    using before = await Sandbox.make(site, host, 'before');
    using after = await Sandbox.make(site, host, 'after');
    const { ips } = await before.add(config);
    const pool = await site.client.get(ipPools, { name: `switched.${host.nodeName}` });
    const { uid: podUID = '', name } = after.pod.metadata;
    const content = readPool(pool);
    const allocations = content.allocations.map(held => (held.name === 'before' ? { ...held, podUID, name } : held));
    await site.client.updateStatus(ipPools, { ...pool, status: formatPool({ ...content, allocations }) });
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
    const rename = async (from: string, to: string): Promise<void> => {
      host.namespace.batch([`link set ${from} down`, `link set ${from} name ${to}`, `link set ${to} up`]);
      await eventually(`${to} is known`, async () => {
        const { spec } = await site.client.get(hostInterfaces, { name: host.nodeName });
        return spec.interfaces.some(nic => nic.interfaceName === to && nic.linkState === 'up');
      });
    };
    using sandbox = await Sandbox.make(site, host, 'before-reboot');
    const result = await sandbox.add(config);
    await sandbox.del(config);
    await rename('eth2', 'ens2');
    try {
      using next = new Sandbox(host, sandbox.pod);
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
    using sandbox = await Sandbox.make(site, host, 'forger', annotations);
    const result = await sandbox.add(await multusConfig(site, 'open', { cniArgs: element['cni-args'] }));
    expect(result.ips.map(({ address }) => address)).to.have.length(2);
    for (const { address } of result.ips) expect(address).to.match(/^10\.210\./);
  });

  it('is what admission gave it, also where the pool has lost that record, unless another pod has it now', async () => {
    const attachments = [{ master: 'eth2', netAddress: '172.20.2.0/24', addresses: ['10.210.32.60/19'] }];
    const config = await multusConfig(site, 'open', { cniArgs: { [attachmentsKey]: attachments } });
    using first = await Sandbox.make(site, host, 'lost-record');
    expect((await first.add(config)).ips.map(({ address }) => address)).to.deep.equal(['10.210.32.60/32']);
    using second = await Sandbox.make(site, host, 'lost-and-taken');
    const others = (await second.add(config)).ips.map(({ address }) => address);
    expect(others).to.have.length(2);
    expect(others).not.to.include('10.210.32.60/32');
  });

  it('honours nics and masters of cni-args, and the asked address', async () => {
    using sandbox = await Sandbox.make(site, host, 'asking');
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
    using sandbox = await Sandbox.make(site, host, 'dual');
    const runtimeConfig = { ips: ['FD00:212::0:9'] };
    const config = { ...(await multusConfig(site, 'six')), runtimeConfig };
    const result = resultOf(await sandbox.call('ADD', { ...config, cniVersion: '1.1.0' }));
    expect(result.ips[1]?.address, 'the asked one, however it is written').to.equal('fd00:212::9/128');
    expect(result.ips.map(({ address }) => address.split('/')[1])).to.deep.equal(['32', '128', '32', '128']);
    expect(result.interfaces[0]).to.have.property('mtu', 1500);
    expect(result.routes).to.have.length(2);
    expect(sandbox.namespace.ip('route', 'show', '192.0.2.0/24').match(/nexthop/g)).to.have.length(2);
    const [, v6 = ''] = result.ips.map(({ address }) => address.split('/')[0] ?? '');
    expect(host.namespace.ip('-6', 'route', 'get', v6)).to.contain('dev mnp');
    expect(sandbox.namespace.ip('-6', 'route', 'get', 'fd00:212:0:1::5')).to.contain('via fe80::1 dev net1-0');
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0 });
    await sandbox.del(config);
  });

  it('is refused with a reason and the CNI code for it', async () => {
    using sandbox = await Sandbox.make(site, host, 'refused');
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
    expect(await code(open, { netns: `/proc/${host.agentPid}/ns/net` })).to.deep.equal([8, 'MNN_CNI_NETNS']);
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
    using sandbox = await Sandbox.make(site, host, 'modest', annotations);
    const result = await sandbox.add(await multusConfig(site, 'open', { cniArgs: { nics: 3 } }));
    expect(result.ips).to.have.length(2);
  });
});
