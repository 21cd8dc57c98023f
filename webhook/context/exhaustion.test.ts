import { expect } from 'chai';
import { Registry } from 'prom-client';
import type { Cidr, HostInterface } from '../../core/api/types.ts';
import { MultiNicError } from '../../core/errors.ts';
import type { KubeObject } from '../../kube/api/types.ts';
import { PoolFullError } from '../../kube/pools/poolFull.ts';
import { ClusterView } from '../../kube/view/clusterView.ts';
import { ObjectCache } from '../../kube/watch/objectCache.ts';
import { network } from '../../test/core/networks.ts';
import { silent } from '../../test/kube/support.ts';
import { Exhaustion } from './exhaustion.ts';

describe('a network without addresses', () => {
  const object = network('net');
  const copy = <T extends KubeObject>(objects: readonly T[]): ObjectCache<T> => {
    const cache = new ObjectCache<T>({ logger: silent });
    cache.replace(objects);
    return cache;
  };
  const networks = copy([object, network('roomy')]);
  const view = new ClusterView({ networks, cidrs: copy<Cidr>([]), hosts: copy<HostInterface>([]) }, silent);

  it('is counted with every refusal, and recorded as an event now and then', async () => {
    const registry = new Registry();
    const events: unknown[][] = [];
    let now = 0;
    const exhaustion = new Exhaustion({
      registry,
      view,
      events: { record: (...event) => void events.push(event) },
      now: () => now,
    });
    const refuse = (name: string) => {
      exhaustion.refused(new PoolFullError(name, `network ${name}: no address is left`));
    };
    exhaustion.refused(new MultiNicError('MNN_NODE_LACKS', 'another reason'));
    for (now of [0, 9_999, 10_000]) refuse('net');
    refuse('deleted');
    expect(events.map(([subject]) => subject)).to.deep.equal([object, object]);
    expect(events[0]?.slice(1, 3)).to.deep.equal(['Warning', 'PoolExhausted']);
    expect(events[0]?.[3]).to.match(/^network net: no address is left\. Free addresses by/);
    const text = await registry.metrics();
    expect(text).to.contain('multinic_pool_exhausted_total{network="net"} 3');
    expect(text).to.contain('multinic_pool_exhausted_total{network="roomy"} 0');
  });
});
