import { expect } from 'chai';
import { apiVersion, label } from '../../core/api/names.ts';
import type { IPPool } from '../../core/api/types.ts';
import { cidrOf, formatCidr, parseCidr } from '../../core/net/cidr.ts';
import { pageSize } from '../../core/pool/pages.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { hostInterfaces, ipPools, multiNicNetworks } from '../../kube/api/resources.ts';
import { claimAnywhere, grantOnNode, type GrantRequest } from '../../kube/grants/grant.ts';
import type { Granted } from '../../kube/grants/granted.ts';
import { grantInPages } from '../../kube/grants/pageGrant.ts';
import { PageDirectory } from '../../kube/pools/pageDirectory.ts';
import type { PoolRef } from '../../kube/pools/poolRef.ts';
import { type PoolCallOptions, PoolStore } from '../../kube/pools/poolStore.ts';
import { listPoolRows } from '../../kube/pools/poolTable.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import { HostProfiles } from '../../kube/view/hostProfiles.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { applyManifests } from '../system/apply.ts';
import { networkView } from './networkView.ts';
import { silent } from './support.ts';

const timeoutMs = 10_000;
const pages = 4;
/** The last pages of a /8, of which all the others are excluded. Without the last address. */
const excludeCIDRs = Array.from({ length: 22 - 8 }, (_, i) => {
  const { family, base } = parseCidr('10.255.252.0/22');
  return formatCidr(cidrOf({ family, value: base ^ (1n << BigInt(32 - 9 - i)) }, 9 + i));
});
const addresses = pages * pageSize - 1;

/** Takes addresses before the node is known. Undefined where the choice has to wait for the node. */
async function grantAnywhere(
  view: ClusterView,
  store: PoolStore,
  wanted: GrantRequest,
  options: PoolCallOptions,
): Promise<Granted | undefined> {
  const anywhere = claimAnywhere(view, new HostProfiles(view), wanted);
  return anywhere && grantInPages(store, anywhere.network, anywhere.claim, options);
}

describe('pages of a node-independent network, against a real API server', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'pages', nodes: 0 });
    await applyManifests(cluster, 'manifests/base/crds');
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig, maxConnections: 32 });
  });

  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  /** The pages that the directory names, each found full. */
  async function tried(directory: PageDirectory, network: string, count: number): Promise<number[]> {
    const all: number[] = [];
    for await (const page of directory.candidates(network, { count }, timeoutMs)) all.push(page);
    return all;
  }

  it('that are full are learned from the columns of all, not one by one', async () => {
    const full = [0, 1, 3];
    for (const page of [...full, 2]) {
      const pool = await client.create(ipPools, {
        apiVersion,
        kind: 'IPPool',
        metadata: { name: `told.page.${page}`, labels: { [label.network]: 'told' } },
        spec: { network: 'told', page, blocks: [] },
      });
      const used = full.includes(page) ? pageSize : 9;
      await client.updateStatus(ipPools, { ...pool, status: { allocations: [], used, capacity: pageSize } });
    }
    await eventually("the API server's cache to have them", async () => {
      const rows = await listPoolRows(client, { network: 'told' });
      return rows.filter(({ used }) => used === pageSize).length === full.length;
    });
    const directory = new PageDirectory(client);
    const first = await tried(directory, 'told', 8);
    expect(new Set(first).size).to.equal(first.length);
    expect(first).to.include.members([2, 4, 5, 6, 7]);
    expect(first.filter(page => full.includes(page)).length, 'found full by a try').to.be.at.most(1);
    // A directory that knows nothing looks at the columns as soon as one page was full, and another time for the last.
    expect(await tried(new PageDirectory(client), 'nobody', 3)).to.have.members([0, 1, 2]);
  });

  it('give nothing that rests on an old copy of the network, as long as that could have been edited', async () => {
    const shape = { subnet: '11.9.0.0/22', ipam: { interfaceBlock: 0 } };
    const { view, ...stale } = await networkView(client, 'edited', shape);
    await stale[Symbol.asyncDispose]();
    const store = new PoolStore(client, { logger: silent });
    const grant = (name: string): Promise<unknown> => {
      const claimant = { podUID: name, namespace: 'default', name, interface: 'net1' };
      const wanted = { network: 'edited', claimant, request: {} };
      return grantAnywhere(view, store, wanted, { timeoutMs }).catch((error: unknown) => error);
    };
    const live = async (): Promise<string[]> => {
      const { items } = await client.list(ipPools, { labelSelector: `${label.network}=edited` });
      const lines = items.flatMap(({ status }) => status?.allocations ?? []);
      return lines.filter(text => !text.startsWith('Released')).map(text => text.split(' ')[1]!);
    };
    const edit = (spec: object): Promise<unknown> =>
      client.patch(multiNicNetworks, { name: 'edited' }, 'merge', { spec });
    expect(await grant('first')).to.have.property('nics');
    // While that pod lives no edit moves addresses.
    await edit({ namespaces: ['default'] });
    expect(await grant('second')).to.have.property('nics');
    for (const { metadata } of (await client.list(ipPools)).items)
      await store.release(metadata.name, ({ podUID }) => ['first', 'second'].includes(podUID), { timeoutMs });
    await edit({ subnet: '11.10.0.0/22' });
    expect(await grant('third')).to.have.property('code', 'MNN_NETWORK_NOT_READY');
    await client.delete(multiNicNetworks, { name: 'edited' });
    expect(await grant('fourth')).to.have.property('code', 'MNN_NETWORK_NOT_READY');
    expect(await live()).to.deep.equal([]);
  });

  it('that somebody has spoilt are passed over, and named where there is no other', async () => {
    await using view = await networkView(client, 'spoilt', { subnet: '11.8.0.0/23', ipam: { interfaceBlock: 0 } });
    const store = new PoolStore(client, { logger: silent });
    const grant = (i: number): Promise<Granted | undefined> => {
      const claimant = { podUID: `pod-${i}`, namespace: 'default', name: `pod-${i}`, interface: 'net1' };
      return grantAnywhere(view.view, store, { network: 'spoilt', claimant, request: {} }, { timeoutMs });
    };
    const spoil = (name: string): Promise<IPPool> =>
      client.patch(ipPools, { name }, 'merge', { status: { allocations: ['Alocated'] } }, { subresource: 'status' });
    const first = (await grant(1))?.pool ?? '';
    await spoil(first);
    const second = (await grant(2))?.pool ?? '';
    expect([first, second].sort()).to.deep.equal(['spoilt.page.0', 'spoilt.page.1']);
    await spoil(second);
    const refused = await grant(3).catch((error: unknown) => error);
    expect(refused).to.have.property('code', 'MNN_POOL_UNREADABLE');
    expect(String(refused)).to.contain('"Alocated" is not a record');
  });

  it('are counted up to 2^53: an IPv6 address beyond them is refused as what it is', async () => {
    await using six = await networkView(client, 'six', { subnet: 'fd00:7::/64', ipam: { interfaceBlock: 0 } });
    const store = new PoolStore(client, { logger: silent });
    const ask = (ip: string): Promise<unknown> => {
      const claimant = { podUID: ip, namespace: 'default', name: 'pod', interface: 'net1' };
      const wanted = { network: 'six', claimant, request: {}, ips: [ip] };
      return grantAnywhere(six.view, store, wanted, { timeoutMs }).catch((error: unknown) => error);
    };
    expect(await ask('fd00:7::1fff:ffff:ffff:ff45')).to.have.nested.property(
      'nics[0].addresses[0]',
      'fd00:7::1fff:ffff:ffff:ff45/64',
    );
    const refused = await ask('fd00:7::2345:1:2:345');
    expect(refused).to.have.property('code', 'MNN_ADDRESS_OUTSIDE');
    expect(String(refused)).to.contain(
      'network six: fd00:7::2345:1:2:345 is behind the first 2^61 addresses of its block',
    );
  });

  it('are made before the one that is taken from is crowded', async () => {
    const store = new PoolStore(client, { logger: silent, untracked: true });
    const pool = (page: number): PoolRef => ({
      ...{ name: `ahead.page.${page}`, networkUid: 'of-no-network' },
      spec: { network: 'ahead', page, blocks: [] },
    });
    const take = async (i: number, dryRun = false): Promise<number> => {
      for await (const page of store.pages.candidates('ahead', { count: 1000 }, timeoutMs)) {
        const claimant = { podUID: `pod-${i}`, namespace: 'default', name: `pod-${i}`, interface: 'net1' };
        const nics = [{ netAddress: '172.20.1.0/24', blocks: [] }];
        await store.allocate(pool(page), { claimant, nics }, { timeoutMs, dryRun });
        return page;
      }
      throw new Error('no page');
    };
    const made = async (): Promise<IPPool[]> =>
      (await client.list(ipPools, { labelSelector: `${label.network}=ahead` })).items;
    const first = await take(0);
    for (let i = 1; i < 23; i++) await take(i);
    await take(23, true);
    expect(await made()).to.have.length(1);
    await take(23);
    const next = await eventually('the next page', async () =>
      (await made()).find(({ spec, metadata }) => spec.page !== first && !metadata.managedFields),
    );
    expect(next.status?.allocations ?? []).to.deep.equal([]);
    const pages: number[] = [];
    for (let i = 24; i < 34; i++) pages.push(await take(i));
    expect(new Set(pages.slice(0, 8))).to.deep.equal(new Set([first]));
    expect(new Set(pages.slice(8))).to.deep.equal(new Set([next.spec.page]));
  });

  it('give out every address once, by writers that know nothing of each other, and then say that they are full', async () => {
    await using flat = await networkView(client, 'flat', {
      subnet: '10.0.0.0/8',
      ipam: { interfaceBlock: 0, excludeCIDRs },
    });
    // They write as webhooks and the leader do: with the right to say who set which field of a pool, namely nobody.
    const stores = Array.from({ length: 3 }, () => new PoolStore(client, { logger: silent, untracked: true }));
    const grant = (i: number): Promise<Granted | undefined> => {
      const store = stores[i % stores.length]!;
      const claimant = { podUID: `pod-${i}`, namespace: 'default', name: `pod-${i}`, interface: 'net1' };
      return grantAnywhere(flat.view, store, { network: 'flat', claimant, request: {} }, { timeoutMs: 60_000 });
    };
    const queue = Array.from({ length: addresses }, (_, i) => i).values();
    const given: string[] = [];
    const worker = async (): Promise<void> => {
      for (const i of queue) {
        const granted = await grant(i);
        given.push(...(granted?.nics.flatMap(nic => nic.addresses) ?? []));
      }
    };
    await Promise.all(Array.from({ length: 48 }, worker));
    expect(given.length).to.equal(addresses);
    expect(new Set(given).size).to.equal(addresses);
    const refused = await grant(addresses).catch((error: unknown) => error);
    expect(refused).to.have.property('code', 'MNN_POOL_FULL');
    expect(String(refused)).to.match(/network flat: no address is left in \S+; all its pages are full/);
    const { items } = await client.list(ipPools, { labelSelector: `${label.network}=flat` });
    expect(items.map(({ metadata }) => metadata.managedFields)).to.deep.equal(Array.from({ length: pages }));
    // What comes back is found again, whoever looks. An agent gives it back, which may not say who set which field.
    const agent = new PoolStore(client, { logger: silent });
    await agent.release('flat.page.65534', ({ podUID }) => podUID !== '', { timeoutMs });
    // Until the API server's cache has it, a writer is told that all are full.
    expect((await eventually('a free address', () => grant(addresses))).pool).to.equal('flat.page.65534');
  });

  it('give out what is left of a NIC that others left out, though they are full by their count', async () => {
    const interfaces = [1, 2].map(n => {
      return { interfaceName: `eth${n}`, netAddress: `172.20.${n}.0/24`, hostIP: `172.20.${n}.9` };
    });
    const host = {
      apiVersion,
      kind: 'HostInterface',
      metadata: { name: 'host-1' },
      spec: { hostName: 'host-1', interfaces },
    };
    await client.create(hostInterfaces, host);
    await using left = await networkView(client, 'left', { subnet: '11.9.0.0/28', ipam: { interfaceBlock: 1 } });
    await eventually('the host', () => left.view.host('host-1'));
    const store = new PoolStore(client, { logger: silent, untracked: true });
    const grant = async (i: number, master: string): Promise<string[]> => {
      const claimant = { podUID: `pod-${i}`, namespace: 'default', name: `pod-${i}`, interface: 'net1' };
      const wanted = { network: 'left', node: 'host-1', claimant, request: { masters: [master] } };
      const { nics } = await grantOnNode(left.view, store, wanted, { timeoutMs });
      return nics.flatMap(({ addresses }) => addresses);
    };
    for (let i = 1; i <= 6; i++) expect(await grant(i, 'eth1')).to.deep.equal([`11.9.0.${i}/29`]);
    expect(await grant(7, 'eth1').catch((error: unknown) => error)).to.have.property('code', 'MNN_POOL_FULL');
    for (let i = 1; i <= 6; i++) expect(await grant(7 + i, 'eth2')).to.deep.equal([`11.9.0.${8 + i}/29`]);
    expect(await grant(14, 'eth2').catch((error: unknown) => error)).to.have.property('code', 'MNN_POOL_FULL');
  });
});
