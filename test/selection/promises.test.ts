import { expect } from 'chai';
import { annotation } from '../../core/api/names.ts';
import { readPool } from '../../core/pool/content.ts';
import { ApiError } from '../../kube/api/errors.ts';
import { ipPools, pods } from '../../kube/api/resources.ts';
import { bindPod } from '../bindPod.ts';
import { podOf } from '../webhook/support.ts';
import { createNetwork, namespacesOf, speeds, useSelectionSite } from './site.ts';

describe('promises of bandwidth, by two webhook processes at once', function () {
  this.timeout(120_000);
  const site = useSelectionSite();

  it('never exceed what a NIC has: 100 pods with targets, of two networks on the same NICs', async () => {
    const { client } = site();
    await createNetwork(site(), 'cheap', { attachPolicy: { strategy: 'costOpt', target: '9Gbps' } });
    await createNetwork(site(), 'quick', { attachPolicy: { strategy: 'perfOpt', target: '15Gbps' } });
    const wanted = Array.from({ length: 100 }, (_, i) => {
      const namespace = namespacesOf[i % 2]?.[0] ?? '';
      const network = i % 4 < 2 ? 'cheap' : 'quick';
      const nics = network === 'quick' ? { nics: 1 + (i % 3) } : {};
      return { namespace, name: `p-${i}`, network, cniArgs: nics };
    });
    for (const { namespace, name, network, cniArgs } of wanted) {
      const annotations = { [annotation.networks]: JSON.stringify([{ name: network, 'cni-args': cniArgs }]) };
      await client.create(pods, podOf({ namespace, name, annotations, spec: { schedulerName: 'nobody' } }));
    }
    const answers = await Promise.all(
      wanted.map(async ({ namespace, name }) => {
        try {
          await bindPod(client, { namespace, name }, 'big');
          return 'bound';
        } catch (error) {
          if (error instanceof ApiError) return error.message;
          throw error;
        }
      }),
    );
    const refused = answers.filter(answer => answer !== 'bound');
    for (const message of refused) expect(message).to.contain('MNN_NODE_LACKS');

    const promised = new Map<string, number>();
    const { items } = await client.list(ipPools);
    const records = items.flatMap(pool => readPool(pool).allocations).filter(({ state }) => state !== 'Released');
    for (const { nics } of records) {
      for (const { master = '', promisedMbps = 0 } of nics)
        promised.set(master, (promised.get(master) ?? 0) + promisedMbps);
    }
    // 50 pods of 9G and 50 of 15G: more than the 860G that are there.
    expect(records).to.have.length(answers.length - refused.length);
    expect(refused.length).to.be.greaterThan(0);
    for (const [master, mbps] of promised) {
      const speed = speeds.big[Number(master.slice(3)) - 1] ?? 0;
      expect(mbps, master).to.be.at.most(speed);
    }
    const total = [...promised.values()].reduce((sum, mbps) => sum + mbps, 0);
    expect(total, 'what was promised in all').to.be.greaterThan(700_000);
  });
});
