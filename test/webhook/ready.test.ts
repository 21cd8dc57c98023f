import { expect } from 'chai';
import { annotation } from '../../core/api/names.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import { createNetwork } from './networks.ts';
import { addressesOf, createNamespace, podOf, recordsOf, useWebhookCluster } from './support.ts';

describe('many pods alike in a node-independent network, through the real API server', function () {
  this.timeout(60_000);
  const running = useWebhookCluster();
  const big = 'burst';
  const small = 'drops';

  before(async () => {
    const { client, webhook } = running();
    await installWebhooks(client, webhook);
    const flat = { hostBlock: 0, vlanMode: 'l2' };
    await createNetwork(client, big, { ...flat, subnet: '10.242.0.0/16', namespaces: [big] });
    await createNetwork(client, small, { ...flat, subnet: '10.243.0.0/24', namespaces: [small] });
    for (const namespace of [big, small]) await createNamespace(client, namespace);
  });

  /** One after the other, as their owner makes them. */
  async function createMany(namespace: string, count: number, prefix: string): Promise<Pod[]> {
    const created: Pod[] = [];
    for (let i = 0; i < count; i++)
      created.push(await running().client.create(pods, podOf({ namespace, name: `${prefix}-${i}` })));
    return created;
  }

  const live = async (network: string) =>
    (await recordsOf(running().client, network)).filter(({ state }) => state !== 'Released');

  /** How often pools were written, as the API server counts it. */
  async function writes(): Promise<number> {
    const text = await running().client.request<string>('GET', '/metrics', { accept: 'text/plain' });
    const counts = text
      .split('\n')
      .filter(line => line.startsWith('apiserver_request_total{') && /resource="ippools".*verb="PUT"/.test(line));
    return counts.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  it('mostly find a reservation that lies ready, and each gets addresses of its own', async () => {
    const before = await writes();
    const created = await createMany(big, 40, 'first');
    expect((await writes()) - before, 'writes of pools for 40 pods').to.be.below(40);
    const addresses = created.flatMap(addressesOf);
    expect(addresses).to.have.length(80);
    expect(new Set(addresses).size).to.equal(80);
  });

  it('hold their addresses themselves soon, and nothing lies ready for long', async () => {
    const held = await eventually('the confirmations, and the end of what nobody took', async () => {
      const records = await live(big);
      return records.length === 40 && records.every(({ state }) => state === 'Allocated') && records;
    });
    const { items } = await running().client.list(pods, { namespace: big });
    const carried = items.map(({ metadata }) => [metadata.uid, metadata.annotations?.[annotation.reservation]]);
    expect(held.map(({ podUID, reservation }) => [podUID, reservation])).to.have.deep.members(carried);
    const given = new Map(items.map(pod => [pod.metadata.uid, addressesOf(pod)]));
    for (const { podUID, nics } of held) expect(nics.flatMap(nic => nic.addresses)).to.deep.equal(given.get(podUID));
  });

  it('get nothing that lay ready for others where addresses may become scarce', async () => {
    await createMany(small, 20, 'few');
    expect(await live(small)).to.have.length(20);
  });
});
