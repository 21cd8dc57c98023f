import { expect } from 'chai';
import { annotation } from '../../core/api/names.ts';
import type { MultiNicNetwork, MultiNicNetworkSpec } from '../../core/api/types.ts';
import { ipPools, multiNicNetworks, pods } from '../../kube/api/resources.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import { listPoolRows } from '../../kube/pools/poolTable.ts';
import { eventually } from '../eventually.ts';
import { silent } from '../kube/support.ts';
import { applyNetwork, createNetwork, serveNetwork } from './networks.ts';
import { bound, createNamespace, podOf, refusal, useWebhookCluster } from './support.ts';

type Overrides = Partial<MultiNicNetworkSpec> & { name: string };

function network({ name, ...spec }: Overrides): MultiNicNetwork {
  return {
    apiVersion: 'multinic.fms.io/v1',
    kind: 'MultiNicNetwork',
    metadata: { name },
    spec: {
      subnet: '10.230.0.0/16',
      ipam: '{"type": "multi-nic-ipam", "hostBlock": 6, "interfaceBlock": 2, "vlanMode": "l3"}',
      multiNICIPAM: true,
      plugin: { cniVersion: '1.0.0', type: 'ipvlan', args: { mode: 'l3' } },
      ...spec,
    },
  };
}

describe('applying networks, through the real API server', () => {
  const running = useWebhookCluster();
  const create = (overrides: Overrides) => running().client.create(multiNicNetworks, network(overrides));

  it('shows every mistake in one answer, each as a cause with its field', async () => {
    const error = await refusal(
      create({
        name: 'wrong',
        ipam: '{"type": "multi-nic-ipam", "hostBlock": 12, "interfaceBlock": 2, "vlanMode": "l3"}',
        plugin: { cniVersion: '1.0.0', type: 'macvlan', args: { mtu: 'big' } },
      }),
    );
    expect(error.status).to.equal(422);
    for (const code of ['MNN_CAPACITY', 'MNN_MODE_CONFLICT', 'MNN_PLUGIN_INVALID']) {
      expect(error.message).to.contain(code);
    }
    // kubectl begins what it shows with them.
    expect(error.details).to.include({ kind: 'MultiNicNetwork', name: 'wrong' });
    expect(error.details.causes?.map(({ field }) => field)).to.deep.equal([
      'spec.ipam',
      'spec.ipam',
      'spec.plugin.args.mtu',
    ]);
  });

  it('names the place of a mistake in the JSON of spec.ipam', async () => {
    const error = await refusal(create({ name: 'syntax', ipam: '{\n  "type": "multi-nic-ipam",,\n}' }));
    expect(error.message).to.contain('spec.ipam: line 2, column 28');
  });

  it('refuses what collides with another network or with the hosts', async () => {
    const { client } = running();
    const small = '{"type":"multi-nic-ipam","hostBlock":2,"interfaceBlock":1,"vlanMode":"l3"}';
    await create({ name: 'first', namespaces: ['first'] });
    const overlap = await refusal(create({ name: 'second', subnet: '10.230.128.0/17' }));
    expect(overlap.message).to.contain('10.230.128.0/17 overlaps 10.230.0.0/16 of network first');
    // At once, as in one `kubectl apply`: the copy that the webhook has lags behind.
    for (let i = 0; i < 20; i++) {
      const name = `burst-${i}`;
      await create({ name, subnet: `10.236.${i}.0/24`, ipam: small, namespaces: ['first'] });
      const late = await refusal(create({ name: `${name}-again`, subnet: `10.236.${i}.0/25`, ipam: small }));
      expect(late.message).to.contain(`of network ${name}`);
      await client.delete(multiNicNetworks, { name });
    }
    const host = await refusal(create({ name: 'third', subnet: '172.20.0.0/16' }));
    expect(host.message).to.contain('172.20.0.0/16 overlaps the host subnet 172.20.1.0/24 (eth1 of host fake-1)');
  });

  it('keeps what nodes and pods on their primary network have out of blocks with routes, warns of others, and of neither when a network that has them changes', async () => {
    const { client, cluster } = running();
    await createNamespace(client, 'primary');
    const pod = podOf({ namespace: 'primary', name: 'on-primary', spec: { nodeName: 'fake-1' } });
    await client.create(pods, pod);
    await create({ name: 'before', subnet: '10.243.0.0/16', namespaces: ['first'] });
    const status = { hostIP: '192.168.7.11', podIP: '10.243.1.7', podIPs: [{ ip: '10.243.1.7' }] };
    await client.patch(pods, pod.metadata, 'merge', { status }, { subresource: 'status' });
    const { hostname } = new URL(client.connection.server);
    for (const [subnet, text] of [
      ['10.243.0.0/17', '10.243.0.0/17 holds 10.243.1.7, the address of pod primary/on-primary'],
      [`${hostname}/8`, `holds ${hostname}, the address of the API server`],
    ] as const) {
      expect((await refusal(create({ name: 'after', subnet }))).message).to.contain(text);
    }
    const input = JSON.stringify(network({ name: 'after', subnet: '192.168.0.0/16' }));
    const { stderr } = await cluster.kubectl(['create', '--dry-run=server', '-f', '-'], { input });
    expect(stderr).to.contain('192.168.0.0/16 holds 192.168.7.11, the address of node fake-1');
    const patch = ['patch', 'mnn', 'before', '--type=merge', '-p', '{"spec":{"namespaces":["first","second"]}}'];
    expect((await cluster.kubectl(patch)).stderr).not.to.contain('MNN_OVERLAP');
    await client.delete(multiNicNetworks, { name: 'before' });
    // Routes may come later than the subnet.
    const { ipam = '', plugin } = network({ name: 'later' }).spec;
    const flat = { ipam: ipam.replace('l3', 'l2'), plugin: { ...plugin, args: { mode: 'l2' } } };
    await create({ name: 'later', subnet: '10.243.0.0/17', namespaces: ['first'], ...flat });
    const routed = client.patch(multiNicNetworks, { name: 'later' }, 'merge', { spec: { ipam, plugin } });
    expect((await refusal(routed)).message).to.contain('10.243.0.0/17 holds 10.243.1.7');
    await client.delete(multiNicNetworks, { name: 'later' });
    await client.delete(pods, pod.metadata, { gracePeriodSeconds: 0 });
  });

  it('warns who deletes a network that a finalizer of the predecessor keeps', async () => {
    const { client, cluster } = running();
    const object = network({ name: 'kept', subnet: '10.237.0.0/16', namespaces: ['kept'] });
    object.metadata.finalizers = ['finalizers.multinicnetwork.multinic.fms.io'];
    await client.create(multiNicNetworks, object);
    const { stderr } = await cluster.kubectl(['delete', 'multinicnetworks', 'kept', '--wait=false']);
    expect(stderr).to.contain('MNN_FINALIZER');
    await client.patch(multiNicNetworks, { name: 'kept' }, 'merge', { metadata: { finalizers: null } });
  });

  it('gives out the addresses of one alone, where two that overlap come at the same moment', async () => {
    const { client } = running();
    await createNamespace(client, 'at-once');
    const names = ['at-once-b', 'at-once-a'];
    const shape = { subnet: '10.237.0.0/16', hostBlock: 0, vlanMode: 'l2', namespaces: ['at-once'] };
    // Neither must have been stored when the other is checked.
    await eventually('two networks at once', async () => {
      const made = await Promise.allSettled(names.map(name => applyNetwork(client, name, shape)));
      if (made.every(({ status }) => status === 'fulfilled')) return true;
      const stored = names.filter((_, i) => made[i]?.status === 'fulfilled');
      for (const name of stored) await client.delete(multiNicNetworks, { name });
      return false;
    });
    for (const name of names) await serveNetwork(client, name);
    const answers = await Promise.allSettled(
      names.map(name => {
        const annotations = { [annotation.ourNetworks]: name };
        return client.create(pods, podOf({ namespace: 'at-once', name, annotations }));
      }),
    );
    const refused = answers.flatMap(answer => (answer.status === 'rejected' ? [String(answer.reason)] : []));
    expect(refused).to.have.length(1);
    expect(refused[0]).to.match(
      /network at-once-\w gives out nothing: network at-once-\w, which is older, gives out 10\.237\.0\.0\/16, too/,
    );
  });

  it('warns of what is legal but surely unmeant', async () => {
    const { cluster } = running();
    const object = network({
      name: 'odd',
      subnet: '10.231.0.1/16',
      masterNets: ['172.20.1.0/24', '192.0.2.0/24'],
      namespaces: ['not-there'],
    });
    const { stderr } = await cluster.kubectl(['create', '-f', '-'], { input: JSON.stringify(object) });
    for (const text of [
      '10.231.0.1/16 has bits set after its prefix; 10.231.0.0/16 is used',
      'spec.masterNets[1]: no host has a NIC in 192.0.2.0/24',
      'there is no namespace "not-there" yet',
    ]) {
      expect(stderr).to.contain(text);
    }
  });

  it('stores nothing in a dry run', async () => {
    const { client } = running();
    await client.create(multiNicNetworks, network({ name: 'dry', subnet: '10.232.0.0/16' }), { dryRun: true });
    expect(await client.find(multiNicNetworks, { name: 'dry' })).to.equal(undefined);
  });

  it('keeps the layout while pods hold addresses of it, and lets everything else change', async () => {
    const { client } = running();
    await createNetwork(client, 'used', { subnet: '10.233.0.0/16', namespaces: ['used'] });
    const patch = (spec: object, metadata = {}) =>
      client.patch(multiNicNetworks, { name: 'used' }, 'merge', { spec, metadata });
    await patch({ ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l3"}' });

    await createNamespace(client, 'used');
    await client.create(pods, podOf({ namespace: 'used', name: 'user' }));
    await bound(client, { namespace: 'used', name: 'user' });
    const moved = await refusal(patch({ subnet: '10.234.0.0/16' }));
    expect(moved.message).to.contain(
      'spec.subnet: it cannot change from 10.233.0.0/16 to 10.234.0.0/16 while 1 pod holds addresses of the network',
    );
    await patch({ namespaces: ['used', 'default'] }, { labels: { tier: 'a' } });
  });

  it('keeps its pools while pods hold addresses of them, but not those that nothing uses any more', async () => {
    const { client } = running();
    const rows = (await listPoolRows(client, { network: 'used' })).filter(({ used }) => used);
    const pool = await client.get(ipPools, { name: rows[0]?.name ?? '' });
    const refused = await refusal(client.delete(ipPools, pool.metadata));
    expect(refused.message).to.contain('pod used/user').and.contain('MNN_IN_USE');
    const copies = {
      'of a network that is gone': { ...pool.spec, network: 'gone' },
      'of a node that is gone': { ...pool.spec, hostName: 'gone' },
    };
    for (const [what, spec] of Object.entries(copies)) {
      const copy = await client.create(ipPools, { ...pool, metadata: { name: 'copy' }, spec });
      await client.updateStatus(ipPools, { ...copy, status: pool.status! });
      await client.delete(ipPools, copy.metadata);
      expect(await client.find(ipPools, copy.metadata), what).to.equal(undefined);
    }
  });

  it('is not deleted while pods hold addresses of it, which a network of its name would give to others', async () => {
    const { client } = running();
    const ref = { name: 'used' };
    const inUse = await refusal(client.delete(multiNicNetworks, ref));
    expect(inUse.message).to.contain('pod used/user').and.contain('MNN_IN_USE');
    await client.delete(pods, { namespace: 'used', name: 'user' }, { gracePeriodSeconds: 0 });
    for (const { name } of (await listPoolRows(client, { network: 'used' })).filter(({ used }) => used)) {
      await new PoolStore(client, { logger: silent }).release(name, () => true, { timeoutMs: 10_000 });
    }
    await eventually('the deletion', () =>
      client.delete(multiNicNetworks, ref).then(
        () => true,
        () => false,
      ),
    );
    expect(await client.find(multiNicNetworks, ref)).to.equal(undefined);
  });

  it('warns of pods that wait for a node, and ask it for what no node has any more after a change or the deletion', async () => {
    const { client, cluster } = running();
    const [kind, name] = ['multinicnetworks.multinic.fms.io', 'awaited'];
    await create({ name, subnet: '10.236.0.0/16', namespaces: [name] });
    await serveNetwork(client, name);
    await createNamespace(client, name);
    const kubectl = async (...args: string[]): Promise<string> => (await cluster.kubectl(args)).stderr;
    const off = [
      'patch',
      kind,
      name,
      '--type=merge',
      '--dry-run=server',
      '-p',
      '{"spec": {"schedulerResources": false}}',
    ];
    expect(await kubectl(...off)).not.to.contain('wait for a node');
    await client.create(pods, podOf({ name: 'waiting', namespace: name, spec: { nodeSelector: { no: 'node' } } }));
    const warned = `pod ${name}/waiting and maybe others that wait for a node ask it for multinic.fms.io/${name}, which no node has then`;
    // The webhook's copy of pods may lag.
    await eventually('the warning', async () => (await kubectl(...off)).includes(warned));
    expect(await kubectl('annotate', kind, name, 'a=b')).not.to.contain('wait for a node');
    expect(await kubectl('delete', kind, name)).to.contain(warned);
    await client.delete(pods, { namespace: name, name: 'waiting' }, { gracePeriodSeconds: 0 });
  });

  it('lets finalizers and labels change without a look at the rest', async () => {
    const { client } = running();
    const late = network({ name: 'late', subnet: '10.235.0.0/16', namespaces: ['first'] });
    await client.create(multiNicNetworks, late);
    const patch = (metadata: object) => client.patch(multiNicNetworks, late.metadata, 'merge', { metadata });
    expect((await patch({ finalizers: ['example.com/x'] })).metadata.finalizers).to.deep.equal(['example.com/x']);
    await patch({ finalizers: null });
  });
});
