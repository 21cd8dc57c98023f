import { expect } from 'chai';
import { annotation, attachmentsKey, label } from '../api/names.ts';
import { knownNode, type NodeSelectorTerm } from './knownNode.ts';
import { type NetworkDirectory, selectNetworks } from './selectNetworks.ts';
import { type PodFacts, skipReason } from './skip.ts';

const networks: Record<string, string[]> = { 'net-b': [], 'net-a': [], 'team-net': ['team'] };
const directory: NetworkDirectory = {
  exists: name => name in networks,
  appliesTo: (name, ns) => networks[name]?.length === 0 || networks[name]?.includes(ns) === true,
  applicable: ns => Object.keys(networks).filter(name => directory.appliesTo(name, ns)),
};

function pod(annotations: Record<string, string> = {}, overrides: Partial<PodFacts> = {}): PodFacts {
  return { namespace: 'default', labels: {}, annotations, hostNetwork: false, ...overrides };
}

describe('which networks a pod gets', () => {
  const select = (p: PodFacts, nsAnnotations: Record<string, string> = {}) =>
    selectNetworks(p, nsAnnotations, directory).selected.map(s => s.network ?? `foreign ${s.element.name}`);

  it('all that apply to its namespace, by name', () => {
    expect(select(pod())).to.deep.equal(['net-a', 'net-b']);
    expect(select(pod({}, { namespace: 'team' }))).to.deep.equal(['net-a', 'net-b', 'team-net']);
  });
  it("its namespace's annotation before that", () => {
    expect(select(pod(), { [annotation.ourNetworks]: 'net-b' })).to.deep.equal(['net-b']);
  });
  it('its own annotation before its namespace’s', () => {
    expect(select(pod({ [annotation.ourNetworks]: 'net-b,net-a' }), { [annotation.ourNetworks]: 'x' })).to.deep.equal([
      'net-b',
      'net-a',
    ]);
  });
  it('its network selection before all else, foreign ones kept', () => {
    const own = pod({ [annotation.networks]: 'sriov-nad,net-b@ib0', [annotation.ourNetworks]: 'net-a' });
    const { selected } = selectNetworks(own, {}, directory);
    expect(selected.map(s => [s.network, s.ifname])).to.deep.equal([
      [undefined, 'net1'],
      ['net-b', 'ib0'],
    ]);
  });
  it('those of its own annotation beside a selection of foreign ones, as a service mesh writes it', () => {
    const own = pod({ [annotation.networks]: 'istio-cni', [annotation.ourNetworks]: 'net-b, net-a' });
    const { selected } = selectNetworks(own, {}, directory);
    expect(selected.map(s => [s.network ?? s.element.name, s.ifname])).to.deep.equal([
      ['istio-cni', 'net1'],
      ['net-b', 'net2'],
      ['net-a', 'net3'],
    ]);
    const none = pod({ [annotation.networks]: 'istio-cni', [annotation.ourNetworks]: '' });
    expect(select(none, { [annotation.ourNetworks]: 'net-a' })).to.deep.equal(['foreign istio-cni']);
  });
  it('none where the annotation is there and empty', () => {
    expect(select(pod({ [annotation.ourNetworks]: '' }))).to.deep.equal([]);
  });
  it('no more than any pod has interfaces, of those that an annotation names', () => {
    const named = (count: number) => pod({ [annotation.ourNetworks]: Array(count).fill('net-a').join() });
    expect(select(named(100))).to.have.length(100);
    expect(() => select(named(101))).to.throw(
      /MNN_NETWORKS_ANNOTATION_INVALID: the pod selects more than 100 networks/,
    );
  });
  it('drops attachments that came with the pod', () => {
    const forged = [{ name: 'net-a', 'cni-args': { nics: 1, [attachmentsKey]: [{ netAddress: 'x', addresses: [] }] } }];
    const { selected } = selectNetworks(pod({ [annotation.networks]: JSON.stringify(forged) }), {}, directory);
    expect(selected[0]?.element).to.deep.equal({ name: 'net-a', 'cni-args': { nics: 1 } });
  });
  it('drops them of others, too: a network of that name may be created later', () => {
    const forged = [{ name: 'later', 'cni-args': { [attachmentsKey]: [{ netAddress: 'x', addresses: [] }] } }];
    const { selected } = selectNetworks(pod({ [annotation.networks]: JSON.stringify(forged) }), {}, directory);
    expect(selected).to.deep.equal([{ element: { name: 'later' }, ifname: 'net1' }]);
  });
  it('somebody else’s of the same name where the network does not apply', () => {
    expect(select(pod({ [annotation.networks]: 'team-net' }))).to.deep.equal(['foreign team-net']);
    const beside = pod({ [annotation.networks]: 'team-net, default/team-net' }, { namespace: 'team' });
    expect(select(beside)).to.deep.equal(['team-net', 'foreign team-net']);
  });
  it('takes every name that an interface can have', () => {
    const names = ['twelve-bytes', 'thirteen-byte', 'pod37a8eec1ce1', 'fifteen-letters'];
    const networks = names.map(name => `net-a@${name}`).join();
    const { selected } = selectNetworks(pod({ [annotation.networks]: networks }), {}, directory);
    expect(selected.map(({ ifname }) => ifname)).to.deep.equal(names);
  });
  it('names that only look like numbered ones of another network', () => {
    for (const names of [
      'net-a@ib, net-b@ib-1',
      'sriov-nad@ib, net-b@ib-0',
      'net-a@pod37a8eec1ce1, net-b@pod37a8eec1c-0',
    ])
      expect(select(pod({ [annotation.networks]: names }))).to.have.length(2);
  });
  for (const [what, p, code] of [
    ['an unknown name in our annotation', pod({ [annotation.ourNetworks]: 'nope' }), /MNN_NETWORK_UNKNOWN.*nope/],
    [
      'an unknown name there beside foreign ones',
      pod({ [annotation.networks]: 'sriov-nad', [annotation.ourNetworks]: 'nope' }),
      /MNN_NETWORK_UNKNOWN.*"nope", which the pod's annotation multinic.fms.io\/networks names/,
    ],
    ['a network of other namespaces', pod({ [annotation.ourNetworks]: 'team-net' }), /MNN_NETWORK_NOT_ALLOWED/],
    [
      'a network of other namespaces by the definition in one of these',
      pod({ [annotation.networks]: 'team/team-net' }),
      /MNN_NETWORK_NOT_ALLOWED: network team-net does not apply to namespace default/,
    ],
    [
      'the name of another network’s first interface',
      pod({ [annotation.networks]: 'net-a, net-b@net1-0' }),
      /MNN_INTERFACE_NAME: interface net1-0 is the first one of network net-a/,
    ],
    [
      'the same, where that network comes later and the name is a foreign one’s',
      pod({ [annotation.networks]: 'sriov-nad@ib-0, net-b@ib' }),
      /MNN_INTERFACE_NAME: interface ib-0 is the first one of network net-b/,
    ],
    [
      'the same, where the name is as long as that of one NIC',
      pod({ [annotation.networks]: 'net-a@abcdefghijkl, sriov-nad@abcdefghijkl-0' }),
      /MNN_INTERFACE_NAME: interface abcdefghijkl-0 is the first one of network net-a/,
    ],
    ['an interface name twice', pod({ [annotation.networks]: 'net-a@x,net-b@x' }), /MNN_INTERFACE_NAME/],
    [
      'the primary interface',
      pod({ [annotation.networks]: 'net-a@eth0' }),
      /MNN_INTERFACE_NAME: interface eth0 is the pod's own without any network/,
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => select(p)).to.throw(code);
    });
  }
});

describe('which pods are left alone', () => {
  const enabled = { [label.injection]: 'enabled' };
  it('none but these', () => {
    expect(skipReason(pod(), enabled)).to.equal(undefined);
    expect(skipReason(pod(), {})).to.match(/label/);
    expect(skipReason(pod({}, { labels: { [label.injection]: 'disabled' } }), enabled)).to.match(/disabled/);
    expect(skipReason(pod({}, { hostNetwork: true }), enabled)).to.match(/host network/);
    expect(skipReason(pod({}, { os: 'windows' }), enabled)).to.match(/windows/);
    expect(skipReason(pod({}, { os: 'linux' }), enabled)).to.equal(undefined);
    expect(skipReason(pod({ 'kubernetes.io/config.mirror': 'x' }), enabled)).to.match(/mirror/);
  });
});

describe('a node known at creation', () => {
  const affinity = (values: string[], terms = 1) => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: Array.from({ length: terms }, () => ({
            matchFields: [{ key: 'metadata.name', operator: 'In', values }],
          })),
        },
      },
    },
  });
  it('is spec.nodeName or the one that a DaemonSet pod must go to', () => {
    expect(knownNode({ nodeName: 'n1' })).to.equal('n1');
    expect(knownNode(affinity(['n2']))).to.equal('n2');
    expect(knownNode({})).to.equal(undefined);
    expect(knownNode(affinity(['a', 'b']))).to.equal(undefined);
    expect(knownNode(affinity(['a'], 2))).to.equal('a');
    const terms = (...nodeSelectorTerms: NodeSelectorTerm[]) =>
      knownNode({
        affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
      });
    const [a, b] = ['a', 'b'].map(node => ({
      matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }],
    })) as [NodeSelectorTerm, NodeSelectorTerm];
    const zone = { matchExpressions: [{ key: 'zone', operator: 'Exists' }] };
    expect(terms(a, { ...zone, ...a })).to.equal('a');
    expect(terms(a, zone)).to.equal(undefined);
    expect(terms(a, b)).to.equal(undefined);
    expect(terms(a, {}), 'a term that matches no node').to.equal('a');
    expect(terms({})).to.equal(undefined);
  });
});
