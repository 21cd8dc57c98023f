import { expect } from 'chai';
import { annotation, apiVersion, label } from '../api/names.ts';
import type { MultiNicNetwork } from '../api/types.ts';
import { readNetwork } from '../network/network.ts';
import { diagnose } from './diagnose.ts';
import type { DiagnosedPod, DiagnosisFacts } from './facts.ts';

const network: MultiNicNetwork = {
  apiVersion,
  kind: 'MultiNicNetwork',
  metadata: { name: 'net', uid: 'n' },
  spec: {
    subnet: '10.200.0.0/16',
    ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":3}',
    multiNICIPAM: true,
    plugin: { cniVersion: '1.0.0', type: 'macvlan', args: {} },
  },
};
const nics = [{ master: 'eth1', netAddress: '10.1.0.0/16', addresses: ['10.200.0.1/19'] }];
const decided = JSON.stringify([{ name: 'net', 'cni-args': { 'multinic.fms.io/attachments': nics } }]);

function podWith(networks: string, spec: DiagnosedPod['spec'] = { nodeName: 'a' }): DiagnosedPod {
  const labels = { [label.injected]: 'true' };
  const annotations = { [annotation.networks]: networks };
  return { metadata: { namespace: 'n', name: 'p', uid: 'u', labels, annotations }, spec, status: { phase: 'Pending' } };
}

function factsOf(changes: Partial<DiagnosisFacts> = {}): DiagnosisFacts {
  const known = { network: readNetwork(network), interfaces: [], hostIndexes: new Map([['a', 0]]) };
  return {
    now: new Date(),
    pod: podWith(decided),
    namespace: {},
    registered: 'none',
    networks: [network],
    audited: { networks: new Map([['net', known]]), pools: [] },
    node: { name: 'a', state: 'ready', host: undefined, agents: [{ name: 'agent-x', isReady: false }] },
    warnings: [],
    unread: [],
    ...changes,
  };
}

const verdictOf = (changes: Partial<DiagnosisFacts>): string => diagnose(factsOf(changes)).verdict;

describe('diagnose', () => {
  it('names the cause that is nearest to all others', () => {
    const waits = 'pod n/p waits for net1 of net: ';
    expect(verdictOf({})).to.equal(`${waits}node a: its agent agent-x is not ready`);
    const node = { name: 'a', state: 'gone', host: undefined, agents: undefined } as const;
    expect(verdictOf({ node })).to.equal(`${waits}node a: there is no Node of this name`);
    const gated = podWith('net', { schedulingGates: [{ name: 'kueue.x-k8s.io/admission' }] });
    expect(verdictOf({ pod: gated, node: undefined })).to.equal(
      `${waits}it is held back by its scheduling gate kueue.x-k8s.io/admission`,
    );
    expect(verdictOf({ pod: podWith('net', {}), node: undefined })).to.equal(
      `${waits}network net (net1): the network is not ready: the controller has not looked at it yet`,
    );
  });

  it('expects no NICs of a pod that another webhook has moved to the host network', () => {
    const pod = podWith(decided, { nodeName: 'a', hostNetwork: true });
    const namespace = { labels: { [label.injection]: 'enabled' } };
    const { verdict, lines } = diagnose(factsOf({ pod: { ...pod, status: { phase: 'Running' } }, namespace }));
    expect(verdict).to.equal('pod n/p gets no NICs: admission left it alone: it uses the host network');
    expect(lines.filter(({ about }) => about.startsWith('audit'))).to.deep.equal([]);
  });

  it('says that a network is gone, that no record is there, and with which code that is looked up', () => {
    const host = {
      apiVersion,
      kind: 'HostInterface',
      metadata: { name: 'a' },
      spec: { hostName: 'a', interfaces: [] },
    };
    const node = { name: 'a', state: 'ready', host, agents: undefined } as const;
    const { verdict, lines } = diagnose(factsOf({ node, networks: [], audited: { networks: new Map(), pools: [] } }));
    expect(verdict).to.match(/network net \(net1\): there is no network "net" any more$/);
    expect(lines.find(({ kind }) => kind === 'problem')?.fix).to.contain('kubectl get multinicnetworks');
    expect(verdictOf({ node })).to.match(/no address pool has a record of it$/);
  });

  it('tells of Warnings that may be about NICs, the newest first, and never of more than three', () => {
    const warning = (reason: string, last: string) => ({ reason, message: 'm', component: 'kubelet', last });
    const warnings = ['1', '3', '2', '4'].map(last => warning('FailedCreatePodSandBox', last));
    const { lines } = diagnose(factsOf({ warnings: [...warnings, warning('Unhealthy', '5')] }));
    expect(lines.filter(({ about }) => about.startsWith('event')).map(({ text }) => text)).to.deep.equal([
      '4: m',
      '3: m',
      '2: m',
    ]);
  });
});
