import { expect } from 'chai';
import { annotation, label } from '../../core/api/names.ts';
import { multiNicNetworks, type Pod, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import { createNetwork } from './networks.ts';
import { createNamespace, podOf, refusal, useWebhookCluster } from './support.ts';

describe('creating pods that get nothing, through the real API server', () => {
  const running = useWebhookCluster();
  const namespace = 'refuse';

  before(async () => {
    const { client, webhook } = running();
    await installWebhooks(client, webhook);
    await createNetwork(client, 'strict', { subnet: '10.227.0.0/16', namespaces: [namespace] });
    await createNetwork(client, 'others', { subnet: '10.222.0.0/16', namespaces: ['others'] });
    await createNamespace(client, namespace);
  });

  const create = (metadata: object): Promise<Pod> => running().client.create(pods, podOf({ namespace, ...metadata }));
  const networks = (text: string | object) => ({
    annotations: { [annotation.networks]: typeof text === 'string' ? text : JSON.stringify(text) },
  });

  const untouched: Record<string, object> = {
    'use the host network': { name: 'host', spec: { hostNetwork: true } },
    'are for Windows': { name: 'windows', spec: { nodeSelector: { 'kubernetes.io/os': 'windows' } } },
    'opt out': { name: 'out', labels: { [label.injection]: 'disabled' } },
  };
  for (const [what, metadata] of Object.entries(untouched)) {
    it(`leaves pods alone that ${what}`, async () => {
      const pod = await create(metadata);
      expect(pod.metadata.labels ?? {}).not.to.have.property(label.injected);
      expect(pod.metadata.annotations ?? {}).not.to.have.property(annotation.networks);
    });
  }

  const refused: [string, object, RegExp][] = [
    [
      'an unknown network',
      networks('kube-system/nowhere'),
      /MNN_NETWORK_UNKNOWN: .*"nowhere" and no NetworkAttachmentDefinition kube-system\/nowhere/,
    ],
    [
      'an unknown network by our annotation',
      { annotations: { [annotation.ourNetworks]: 'no' } },
      /MNN_NETWORK_UNKNOWN/,
    ],
    [
      'an unknown network beside one of our annotation',
      { annotations: { [annotation.networks]: 'kube-system/nowhere', [annotation.ourNetworks]: 'strict' } },
      /"nowhere" .*, which the pod's annotation k8s\.v1\.cni\.cncf\.io\/networks names/,
    ],
    ['a network of other namespaces', networks('others'), /MNN_NETWORK_NOT_ALLOWED: .*others.*refuse/],
    [
      'a network in a namespace that has no definition of it',
      networks('elsewhere/strict'),
      /MNN_NETWORK_NOT_ALLOWED: network strict does not apply to namespace elsewhere/,
    ],
    [
      'a network as the primary one',
      { annotations: { [annotation.defaultNetwork]: 'refuse/strict' } },
      /MNN_DEFAULT_NETWORK: network strict.*default-network/,
    ],
    [
      'more NICs than any node has',
      networks([{ name: 'strict', 'cni-args': { nics: 3 } }]),
      /MNN_NO_NODE_FITS: network strict: .*fake-1, fake-2, fake-3 lack 3 usable NICs of the network \(only 2 there\)/,
    ],
    [
      'a NIC that no node has',
      networks([{ name: 'strict', 'cni-args': { masters: ['eth7'] } }]),
      /MNN_NO_NODE_FITS.*eth7/,
    ],
    [
      'an unknown DeviceClass',
      networks([{ name: 'strict', 'cni-args': { class: 'gold' } }]),
      /MNN_CLASS_UNKNOWN.*"gold"/,
    ],
    [
      'cni-args that cannot be read',
      networks([{ name: 'strict', 'cni-args': { nics: 'two' } }]),
      /MNN_CNI_ARGS_INVALID/,
    ],
    [
      'several NICs under a name that leaves no room for a number',
      networks([{ name: 'strict', interface: 'pod37a8eec1ce1', 'cni-args': { nics: 2 } }]),
      /MNN_INTERFACE_NAME: interface pod37a8eec1ce1 is too long for 2 NICs/,
    ],
    ['an annotation that cannot be read', networks('[{"name":'), /MNN_NETWORKS_ANNOTATION_INVALID/],
    [
      'two default routes of one family',
      networks([
        { name: 'strict', 'default-route': ['10.240.0.1'] },
        { name: 'strict', 'default-route': ['fd00::1', '10.240.0.2'] },
      ]),
      /MNN_NETWORKS_ANNOTATION_INVALID: element 2: default-route names an IPv4 gateway, and so does element 1/,
    ],
    ['a hardware address that is no text', networks([{ name: 'strict', mac: 5 }]), /mac must be a string, not 5/],
    ['a hardware address that is none', networks([{ name: 'strict', mac: 'c2:11' }]), /mac must be .* not "c2:11"/],
    ['annotations that would be too large', { annotations: { big: 'x'.repeat(262_100) } }, /MNN_ANNOTATIONS_TOO_LARGE/],
    ['a node whose NICs nobody has told', { spec: { nodeName: 'nobody' } }, /MNN_NODE_NOT_READY/],
  ];
  for (const [i, [what, metadata, message]] of refused.entries()) {
    it(`refuses ${what}`, async () => {
      const error = await refusal(create({ name: `refused-${i}`, ...metadata }));
      expect(error.message).to.match(message);
    });
  }

  it('refuses a network that is being deleted, which something else may delay', async () => {
    const { client } = running();
    const name = 'going';
    await createNetwork(client, name, { subnet: '10.228.0.0/16' });
    await client.patch(multiNicNetworks, { name }, 'merge', { metadata: { finalizers: ['example.com/wait'] } });
    await client.delete(multiNicNetworks, { name });
    await eventually('a refusal', async () => {
      const { message } = await refusal(create({ generateName: 'late-', ...networks(name) }));
      expect(message).to.match(/MNN_NETWORK_UNKNOWN: network going is being deleted/);
      return true;
    });
    await client.patch(multiNicNetworks, { name }, 'merge', { metadata: { finalizers: null } });
  });

  it('takes other primary networks than ours, and what Multus cannot read', async () => {
    for (const text of ['strict', 'kube-system/strict', 'calico', '[{'])
      await create({ generateName: 'primary-', annotations: { [annotation.defaultNetwork]: text } });
  });

  it('leaves it to the API server to say that a pod has no containers', async () => {
    const error = await refusal(create({ ...networks('strict'), spec: { containers: undefined } }));
    expect(error.status).to.equal(422);
    expect(error.message).to.contain('spec.containers: Required value');
  });

  it('has kubectl say what is wrong with an annotation, and what a request comes to that nothing looks at', async () => {
    const { cluster } = running();
    const ask = (cniArgs: object, more = {}, labels = {}): Promise<string> =>
      askWith({ ...networks([{ name: 'strict', 'cni-args': cniArgs, ...more }]), labels });
    const askWith = async (metadata: Partial<Pod['metadata']>): Promise<string> => {
      const pod = podOf({ namespace, name: 'asked', ...metadata });
      const argv = ['create', '--dry-run=server', '-f', '-'];
      return (await cluster.kubectl(argv, { input: JSON.stringify(pod), allowFailure: true })).stderr;
    };
    expect(await ask({ nics: 'two' }))
      .to.contain('MNN_CNI_ARGS_INVALID')
      .and.contain('nics must be a whole number');
    expect(await ask({ nic: 1 })).to.contain('cni-args for network strict has keys that have no effect: "nic"');
    expect(await ask({}, { 'default-route': ['10.227.0.1', '10.227.0.2'] })).to.contain('Multus starts no pod');
    expect(await ask({}, {}, { 'multinic.fms.io/injection': 'off' })).to.contain(
      '"off" has no effect: "disabled" leaves',
    );
    expect(await ask({ target: '10Gbps' })).to.contain(
      'cni-args.target has no effect in network strict: strategy none does not use it (MNN_CNI_ARGS_INVALID)',
    );
    const none = { [annotation.ourNetworks]: '', 'multinic.fms.io/network': 'strict' };
    expect(await askWith({ annotations: none })).to.contain('annotation multinic.fms.io/network has no effect');
  });
});
