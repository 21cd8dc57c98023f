import { expect } from 'chai';
import { annotation } from '../../core/api/names.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import { startReleasers } from '../faults/releasers.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import { createNetwork } from './networks.ts';
import { addressesOf, bound, createNamespace, podOf, recordsOf, refusal, useWebhookCluster } from './support.ts';

describe('pods that ask for addresses, through the real API server', () => {
  const running = useWebhookCluster();
  const namespace = 'asked';
  let releasers: AsyncDisposable | undefined;
  /** Host indexes go by the hosts' names here, so the second node has the second block of every NIC: 10.239.0.0/24 and 10.239.64.0/24 are the first's. */
  const ofSecond = ['10.239.1.20', '10.239.65.20'];

  before(async () => {
    const { client, cluster, webhook } = running();
    await installWebhooks(client, webhook);
    await createNetwork(client, 'static', { subnet: '10.239.0.0/16', namespaces: [namespace] });
    const pages = { subnet: '10.207.0.0/16', hostBlock: 0, vlanMode: 'l2', namespaces: [namespace] };
    await createNetwork(client, 'static-pages', pages);
    await createNamespace(client, namespace);
    releasers = await startReleasers(cluster, ['fake-2']);
  });

  after(() => releasers?.[Symbol.asyncDispose]());

  const create = (name: string, ips: string[], rest: { spec?: object } = {}): Promise<Pod> => {
    const annotations = { [annotation.networks]: JSON.stringify([{ name: 'static', ips }]) };
    return running().client.create(pods, podOf({ namespace, name, annotations, ...rest }));
  };

  it('are scheduled to the node whose block has them, and have them before that', async () => {
    const { client } = running();
    const created = await create('static', ofSecond);
    expect(addressesOf(created)).to.deep.equal(ofSecond.map(ip => `${ip}/18`));
    const pod = await bound(client, { namespace, name: 'static' });
    expect(pod.spec?.nodeName).to.equal('fake-2');
    expect(addressesOf(pod)).to.deep.equal(addressesOf(created));
    const records = await recordsOf(client, 'static');
    expect(records.map(({ pool, podUID }) => [pool, podUID])).to.deep.equal([['static.fake-2', pod.metadata.uid]]);
  });

  it('get them as soon as the pod that had them is gone', async () => {
    const { client } = running();
    const ref = { namespace, name: 'static' };
    await client.delete(pods, ref, { gracePeriodSeconds: 0 });
    expect(addressesOf(await create(ref.name, ofSecond))).to.deep.equal(ofSecond.map(ip => `${ip}/18`));
  });

  it('keep the alternatives of their own affinity, of which none but that node is left', async () => {
    const zones = ['a', 'b'].map(zone => ({ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] }));
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: zones } };
    const spec = { affinity: { nodeAffinity: required } };
    const created = await create('zoned', ['10.239.1.21', '10.239.65.21'], { spec });
    const terms = created.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const only = [{ key: 'metadata.name', operator: 'In', values: ['fake-2'] }];
    expect(terms?.nodeSelectorTerms).to.deep.equal(zones.map(term => ({ ...term, matchFields: only })));
  });

  it('have them when they are bound, also where their affinity has alternatives', async () => {
    const { client } = running();
    const either = ['x', 'y'].map(key => ({ matchExpressions: [{ key, operator: 'DoesNotExist' }] }));
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: either } };
    const ips = ['10.239.1.22', '10.239.65.22'];
    await create('either', ips, { spec: { affinity: { nodeAffinity: required } } });
    const pod = await bound(client, { namespace, name: 'either' });
    expect(pod.spec?.nodeName).to.equal('fake-2');
    expect(addressesOf(pod)).to.deep.equal(ips.map(ip => `${ip}/18`));
  });

  const refused: [string, string[], RegExp][] = [
    ['addresses that another pod has', ofSecond, /MNN_ADDRESS_TAKEN: .* 10\.239\.1\.20 belongs to another pod/],
    [
      'addresses outside of the network',
      ['10.99.0.1'],
      /MNN_ADDRESS_OUTSIDE: network static: 10\.99\.0\.1 is in no node's block/,
    ],
    [
      'the block of no node',
      ['10.239.9.1'],
      /MNN_ADDRESS_OUTSIDE: network static: 10\.239\.9\.1 is in no node's block/,
    ],
    [
      'blocks of different nodes',
      ['10.239.0.30', '10.239.65.30'],
      /MNN_ADDRESS_OUTSIDE: network static: 10\.239\.0\.30 is in a block of node fake-1, 10\.239\.65\.30 in one of fake-2/,
    ],
    [
      'the wrong order of NICs',
      ofSecond.toReversed().map(ip => `${ip}1`),
      /MNN_ADDRESS_OUTSIDE: .* not a usable address of 10\.239\.1\.0\/24/,
    ],
    [
      'more than its NICs take',
      ['10.239.1.40', '10.239.65.40', '10.239.1.41'],
      /MNN_IPS_MANY: network static: none of the pod's 2 NICs takes 10\.239\.1\.41: each takes one IPv4 address/,
    ],
  ];
  for (const [what, ips, message] of refused) {
    it(`are refused when they are created: ${what}`, async () => {
      expect((await refusal(create('refused', ips))).message).to.match(message);
      const live = await recordsOf(running().client, 'static');
      expect(live.filter(({ name }) => name === 'refused')).to.deep.equal([]);
    });
  }

  it('are refused when they are created: with a gateway that no interface reaches', async () => {
    const element = { name: 'static', 'default-route': ['192.0.2.1'] };
    const annotations = { [annotation.networks]: JSON.stringify([element]) };
    const pod = podOf({ namespace, name: 'refused', annotations });
    const { message } = await refusal(running().client.create(pods, pod));
    expect(message).to.contain(
      'MNN_GATEWAY_UNREACHABLE: network static: default-route 192.0.2.1 is not in 10.239.0.0/16',
    );
  });

  for (const args of [{}, { 'cni-args': { masters: ['eth2'] } }]) {
    it(`are refused when they are created: outside of a network with hostBlock 0, with ${JSON.stringify(args)}`, async () => {
      const element = { name: 'static-pages', ips: ['fd00::1'], ...args };
      const pod = podOf({
        namespace,
        name: 'refused',
        annotations: { [annotation.networks]: JSON.stringify([element]) },
      });
      const { message } = await refusal(running().client.create(pods, pod));
      expect(message).to.contain('MNN_ADDRESS_OUTSIDE: the pod asks for fd00::1 in network static-pages');
      expect(await recordsOf(running().client, 'static-pages')).to.deep.equal([]);
    });
  }
});
