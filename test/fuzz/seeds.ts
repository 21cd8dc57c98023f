import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { annotation } from '../../core/api/names.ts';
import type { MultiNicNetwork } from '../../core/api/types.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { ipPools, type Pod, pods } from '../../kube/api/resources.ts';
import { namespace, nodeNames } from './site.ts';

/** Sound reviews, by the path that the API server sends them to. */
export type Seeds = Readonly<Record<string, readonly object[]>>;

const samples = join(import.meta.dirname, '../../manifests/samples');

/** @param client creates the pods that are to be bound, through the webhook */
export async function seedReviews(client: KubeClient): Promise<Seeds> {
  const posted = postedPods();
  const unbound: Pod[] = [];
  for (const pod of posted) if (!pod.spec?.nodeName) unbound.push(await client.create(pods, pod));
  const asPosted = posted.map(pod => podReview('CREATE', withUid(pod)));
  const stored = unbound.map(pod => podReview('CREATE', pod));
  const changes = unbound.map(pod => ({
    ...podReview('UPDATE', { ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, more: 'x' } } }),
    ...{ oldObject: pod },
  }));
  return {
    '/try-pods': asPosted.map(review),
    '/mutate-pods': [...asPosted, ...stored].map(review),
    '/mutate-pod-updates': changes.map(review),
    '/validate-pods': [...asPosted, ...stored, ...changes].map(review),
    '/mutate-bindings': unbound.flatMap(pod => nodeNames.map(node => review(bindingRequest(pod, node)))),
    '/validate-networks': sampleNetworks().flatMap(network => [
      review(networkRequest('CREATE', network)),
      review({ ...networkRequest('UPDATE', network), oldObject: widened(network) }),
    ]),
    '/validate-pools': (await client.list(ipPools)).items.map(pool =>
      review({ ...requestOf('IPPool', 'ippools', 'DELETE'), name: pool.metadata.name, oldObject: pool }),
    ),
  };
}

/** Pods that say all that a pod can say. */
function postedPods(): Pod[] {
  const selections: Record<string, string> = {
    plain: 'train',
    both: 'flat@ib0, train',
    elements: JSON.stringify([
      { name: 'train', interface: 'net9', 'cni-args': { nics: 1, target: '1Gbps' } },
      { name: 'flat', ips: ['10.201.3.7'], mac: '02:00:00:00:00:01', 'default-route': ['10.201.0.1'] },
    ]),
    masters: JSON.stringify([{ name: 'flat', 'cni-args': { masters: ['eth1', 'eth2'] }, infinibandGUID: 'c2:11' }]),
    rated: JSON.stringify([{ name: 'train', bandwidth: { ingressRate: 1000, egressRate: 5 }, portMappings: [{}] }]),
  };
  return Object.entries(selections).flatMap(([name, networks]) => [
    podOf(name, networks),
    podOf(`${name}-pinned`, networks, { nodeName: 'fake-1' }),
  ]);
}

function podOf(name: string, networks: string, spec: object = {}): Pod {
  const expression = { key: 'kubernetes.io/hostname', operator: 'In', values: [...nodeNames] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { app: 'fuzz' },
      annotations: { [annotation.networks]: networks, [annotation.bestEffort]: 'true', other: '{"a": [1]}' },
    },
    spec: {
      containers: [{ name: 'main', image: 'pause', resources: { requests: { cpu: '1' }, limits: { memory: '1Gi' } } }],
      initContainers: [{ name: 'init', image: 'pause' }],
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ operator: 'Exists' }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [expression] }] },
        },
      },
      ...spec,
    },
  };
}

function withUid(pod: Pod): Pod {
  return { ...pod, metadata: { ...pod.metadata, uid: `uid-of-${pod.metadata.name}` } };
}

function podReview(operation: string, object: Pod): object {
  return { ...requestOf('Pod', 'pods', operation), namespace, name: object.metadata.name, object };
}

function bindingRequest({ metadata: { name, uid } }: Pod, node: string): object {
  const object = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name, namespace, ...(uid && { uid }), annotations: { a: 'b' } },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  };
  return { ...requestOf('Binding', 'pods', 'CREATE'), subResource: 'binding', namespace, name, object };
}

function networkRequest(operation: string, object: MultiNicNetwork): object {
  return { ...requestOf('MultiNicNetwork', 'multinicnetworks', operation), name: object.metadata.name, object };
}

function requestOf(kind: string, resource: string, operation: string): object {
  const group = ['MultiNicNetwork', 'IPPool'].includes(kind) ? 'multinic.fms.io' : '';
  return {
    uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
    kind: { group, version: 'v1', kind },
    resource: { group, version: 'v1', resource },
    operation,
    userInfo: { username: 'someone', groups: ['system:authenticated'] },
    // What is tried only writes nothing, which takes no time; see `written` in admission.test.ts.
    dryRun: true,
  };
}

function review(request: object): object {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request };
}

function sampleNetworks(): MultiNicNetwork[] {
  return readdirSync(samples)
    .flatMap(file => parseAllDocuments(readFileSync(join(samples, file), 'utf8')))
    .map(document => document.toJS() as MultiNicNetwork)
    .filter(object => object?.kind === 'MultiNicNetwork');
}

function widened(network: MultiNicNetwork): MultiNicNetwork {
  return { ...network, spec: { ...network.spec, subnet: '10.0.0.0/8' } };
}
