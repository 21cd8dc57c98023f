import { expect } from 'chai';
import { annotation, bandwidthResourceName, extendedResourceName, nicCountLabel } from '../../core/api/names.ts';
import { deviceClasses, events, nodes, type Pod, pods, resourceQuotas } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { attachmentsOf, bound, podOf, refusal } from '../webhook/support.ts';
import { createNetwork, useSelectionSite } from './site.ts';

const namespace = 'one';
const onBig = { nodeSelector: { 'kubernetes.io/hostname': 'big' } };

describe('attach policies, through the real API server, scheduler and leader', function () {
  this.timeout(60_000);
  const site = useSelectionSite();

  before(async () => {
    const applies = { namespaces: [namespace, 'forbidden'] };
    await createNetwork(site(), 'plain', applies);
    await createNetwork(site(), 'cost', { ...applies, attachPolicy: { strategy: 'costOpt', target: '20Gbps' } });
    await createNetwork(site(), 'perf', { ...applies, attachPolicy: { strategy: 'perfOpt' } });
    await createNetwork(site(), 'class', { ...applies, attachPolicy: { strategy: 'devClass' } });
    await createNetwork(site(), 'near', { ...applies, attachPolicy: { strategy: 'topology' } });
    await createNetwork(site(), 'silent', {
      ...applies,
      attachPolicy: { strategy: 'costOpt', target: '1Gbps' },
      schedulerResources: false,
    });
    await createNetwork(site(), 'whole', {
      ...applies,
      masterNets: ['172.20.9.0/24'],
      plugin: { cniVersion: '1.0.0', type: 'host-device' },
      ipam: '{"type":"host-device-ipam"}',
      subnet: '',
      multiNICIPAM: false,
    });
    await createNetwork(site(), 'beside', { ...applies, masterNets: ['172.20.9.0/24', '172.20.1.0/24'] });
    await site().client.create(deviceClasses, {
      apiVersion: 'multinic.fms.io/v1',
      kind: 'DeviceClass',
      metadata: { name: 'fast' },
      spec: { ids: [{ vendor: '15b3', products: ['101d'] }] },
    });
  });

  const selection = (name: string, cniArgs: object, more: Record<string, string> = {}) => ({
    annotations: { [annotation.networks]: JSON.stringify([{ name, 'cni-args': cniArgs }]), ...more },
  });
  const create = (name: string, network: string, cniArgs: object, more: object = {}): Promise<Pod> =>
    site().client.create(pods, podOf({ namespace, name, ...selection(network, cniArgs), ...more }));
  const lands = async (name: string, network: string, cniArgs: object, more: object = {}): Promise<Pod> => {
    await create(name, network, cniArgs, more);
    return bound(site().client, { namespace, name });
  };
  const nicsOf = (pod: Pod) => attachmentsOf(pod)?.map(({ master, promisedMbps }) => `${master}=${promisedMbps ?? 0}`);
  const eventOf = (name: string, reason: string, text: string) =>
    eventually(`the event ${reason} of ${name}`, async () => {
      const fieldSelector = `involvedObject.name=${name},reason=${reason}`;
      const { items } = await site().client.list(events, { namespace, fieldSelector });
      return items.find(({ message }) => message?.includes(text))?.message;
    });

  it('costOpt: the one NIC that is enough and the slowest, past a link that is down', async () => {
    const pod = await lands('cost-30', 'cost', { target: '30Gbps' }, { spec: onBig });
    expect(nicsOf(pod)).to.deep.equal(['eth5=30000']);
    expect(await eventOf('cost-30', 'NetworksChosen', 'network cost')).to.match(
      /^on node big: network cost \(costOpt, 30Gbps\): net1-0 eth5 10\.\d+\.\d+\.\d+\/19 30Gbps$/,
    );
  });

  it('costOpt: the network’s own target, and another NIC once the first has no more', async () => {
    expect(nicsOf(await lands('cost-a', 'cost', {}, { spec: onBig }))).to.deep.equal(['eth2=20000']);
    expect(nicsOf(await lands('cost-b', 'cost', {}, { spec: onBig }))).to.deep.equal(['eth3=20000']);
    expect(nicsOf(await lands('cost-c', 'cost', {}, { spec: onBig }))).to.deep.equal(['eth6=20000']);
  });

  it('perfOpt: the NICs with the most left, also of what another network has promised', async () => {
    const all = await lands('perf-a', 'perf', { nics: 2, target: '600Gbps' }, { spec: onBig });
    expect(nicsOf(all)).to.deep.equal(['eth7=200000', 'eth8=400000']);
    // Of eth5 another network has promised 50G.
    expect(nicsOf(await lands('perf-b', 'perf', { nics: 1, target: '10Gbps' }, { spec: onBig }))).to.deep.equal([
      'eth6=10000',
    ]);
  });

  it('leaves it to the scheduler that other pods have the bandwidth of a DaemonSet’s node', async () => {
    const matchFields = [{ key: 'metadata.name', operator: 'In', values: ['big'] }];
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } };
    const onNode = { spec: { affinity: { nodeAffinity: required } } };
    const greedy = await refusal(create('daemon-never', 'perf', { nics: 1, target: '900Gbps' }, onNode));
    expect(greedy.message).to.contain('MNN_NODE_LACKS');
    expect(attachmentsOf(await create('daemon-waits', 'perf', { nics: 1, target: '300Gbps' }, onNode))).to.equal(
      undefined,
    );
  });

  it('devClass: NICs of the class', async () => {
    const pod = await lands('class-a', 'class', { class: 'fast', nics: 3 });
    expect(pod.spec?.nodeName).to.equal('big');
    expect(nicsOf(pod)).to.deep.equal(['eth1=0', 'eth3=0', 'eth5=0']);
  });

  it('topology: a node that has the NICs, of which its agent chooses', async () => {
    expect((await refusal(create('never', 'near', { nics: 9 }))).message).to.contain('MNN_NO_NODE_FITS');
    const pod = await lands('near-a', 'near', { nics: 4 });
    expect(pod.spec?.nodeName).to.equal('big');
    expect(attachmentsOf(pod)).to.equal(undefined);
    expect(pod.spec?.containers[0]?.resources?.requests).to.deep.equal({ [extendedResourceName('near')]: '1' });
  });

  it('none: pods that ask for four NICs land on the node that has them', async () => {
    const { status, metadata } = await site().client.get(nodes, { name: 'big' });
    expect(metadata.labels).to.include({ [nicCountLabel('plain')]: '7' });
    expect(status?.allocatable).to.include({ [bandwidthResourceName('perf')]: '860k' });
    expect(status?.allocatable).not.to.have.property(bandwidthResourceName('plain'));
    const landed = await Promise.all([1, 2, 3, 4].map(i => lands(`four-${i}`, 'plain', { nics: 4 })));
    expect(landed.map(({ spec }) => spec?.nodeName)).to.deep.equal(['big', 'big', 'big', 'big']);
    expect(nicsOf(landed[0]!)).to.deep.equal(['eth1=0', 'eth2=0', 'eth3=0', 'eth5=0']);
  });

  it('asks the scheduler for the bandwidth; what fits nowhere says so in its event', async () => {
    const created = await create('greedy', 'perf', { target: '500Gbps' });
    expect(created.spec?.containers[0]?.resources?.requests).to.deep.equal({
      [extendedResourceName('perf')]: '1',
      [bandwidthResourceName('perf')]: '500k',
    });
    const message = await eventOf('greedy', 'FailedScheduling', 'Insufficient');
    expect(message).to.contain(`Insufficient ${bandwidthResourceName('perf')}`);
  });

  it('refuses what no node could ever serve, with what each lacks', async () => {
    const { message } = await refusal(create('never', 'perf', { target: '900Gbps' }));
    expect(message).to.contain('MNN_NO_NODE_FITS: network perf: no node can serve the pod: ');
    expect(message).to.contain('big lacks 900Gbps (7 NICs with 860Gbps left)');
    expect(message).to.contain('small lacks 900Gbps (2 NICs with 35Gbps left)');
    expect((await refusal(create('never', 'plain', { nics: 9 }))).message).to.contain(
      'big lacks 9 usable NICs of the network (only 7 there)',
    );
    expect((await refusal(create('never', 'perf', { target: 'fast' }))).message).to.contain('MNN_CNI_ARGS_INVALID');
  });

  it('grants best effort as far as it goes, and warns', async () => {
    const more = selection('plain', { nics: 9 }, { [annotation.bestEffort]: 'true' });
    const pod = await lands(
      'lenient',
      'plain',
      {},
      { ...more, spec: { nodeSelector: { 'kubernetes.io/hostname': 'small' } } },
    );
    expect(nicsOf(pod)).to.deep.equal(['eth1=0', 'eth2=0']);
    expect(await eventOf('lenient', 'NetworksShort', 'best effort')).to.equal(
      'best effort: network plain: node small lacks 9 usable NICs of the network (only 2 there)',
    );
  });

  it('gives a NIC that moves into a pod to one pod only, and to no pod of another network meanwhile', async () => {
    expect(nicsOf(await lands('holder', 'whole', {}, { spec: onBig }))).to.deep.equal(['eth9=0']);
    await create('second', 'whole', {}, { spec: onBig });
    expect(await eventOf('second', 'FailedScheduling', 'MNN_NODE_LACKS')).to.contain(
      'eth9 is taken by pod one/holder (network whole)',
    );
    expect(nicsOf(await lands('neighbour', 'beside', { nics: 1 }, { spec: onBig }))).to.deep.equal(['eth1=0']);
  });

  it('leaves a network alone whose scheduler resources are off', async () => {
    const created = await create('silent', 'silent', { nics: 2 }, { spec: onBig });
    expect(created.spec?.containers[0]?.resources ?? {}).to.deep.equal({});
    expect(created.spec).not.to.have.property('affinity');
    const { status, metadata } = await site().client.get(nodes, { name: 'big' });
    expect(
      Object.keys({ ...status?.allocatable, ...metadata.labels }).filter(key => key.endsWith('/silent')),
    ).to.deep.equal([]);
    expect(nicsOf(await bound(site().client, { namespace, name: 'silent' }))).to.have.length(2);
  });

  it('asks for nothing that a quota of the namespace allows none of', async () => {
    const { client } = site();
    const forbidden = `requests.${bandwidthResourceName('cost')}`;
    await client.create(resourceQuotas, {
      metadata: { name: 'none', namespace: 'forbidden' },
      spec: { hard: { [forbidden]: '0' } },
    });
    const created = await eventually('the webhook to know the quota', async () => {
      const pod = await client.create(
        pods,
        podOf({ namespace: 'forbidden', ...selection('cost', {}), generateName: 'quota-' }),
        { dryRun: true },
      );
      const { requests = {} } = pod.spec?.containers[0]?.resources ?? {};
      return !(bandwidthResourceName('cost') in requests) && pod;
    });
    expect(created.spec?.containers[0]?.resources?.requests).to.deep.equal({ [extendedResourceName('cost')]: '1' });
  });
});
