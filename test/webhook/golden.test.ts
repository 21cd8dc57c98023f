import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { expect } from 'chai';
import fc from 'fast-check';
import jsonpatch from 'jsonpatch';
import { withoutAttachments } from '../../core/annotation/attachments.ts';
import { type NetworkSelection, parseNetworks } from '../../core/annotation/networks.ts';
import { annotation, attachmentsKey, extendedResourceName, label } from '../../core/api/names.ts';
import type { ReviewAnswer } from '../../webhook/review/review.ts';
import { eventually } from '../eventually.ts';
import { createNetwork } from './networks.ts';
import { createNamespace, recordsOf, useWebhookCluster } from './support.ts';

interface ReviewedPod {
  metadata: { annotations?: Record<string, string>; labels?: Record<string, string>; [key: string]: unknown };
  spec: { containers: object[]; [key: string]: unknown };
}

/** What the API server sends while it creates a pod: no namespace, no UID, and what the owner's controller filled in. */
function podFrom(ownerKind: string, metadata: object, spec: object = {}): ReviewedPod {
  const owner = { apiVersion: 'apps/v1', kind: ownerKind, name: 'owner', uid: 'f3b6', controller: true };
  return {
    metadata: { creationTimestamp: null, ownerReferences: [owner], ...metadata },
    spec: {
      containers: [{ name: 'main', image: 'app', resources: {} }],
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      ...spec,
    },
  };
}

describe('admission reviews of pods, patched by code that is not ours', () => {
  const running = useWebhookCluster();
  const namespace = 'golden';
  const resource = { [extendedResourceName('gold')]: '1' };

  before(async () => {
    const { client, cluster } = running();
    await createNetwork(client, 'gold', { subnet: '10.240.0.0/16', namespaces: [namespace] });
    await createNetwork(client, 'level', {
      subnet: '10.241.0.0/16',
      hostBlock: 0,
      vlanMode: 'l2',
      namespaces: ['golden-flat'],
    });
    await createNamespace(client, namespace);
    await createNamespace(client, 'golden-flat');
    for (const name of ['storage', 'backup']) {
      const definition = {
        apiVersion: 'k8s.cni.cncf.io/v1',
        kind: 'NetworkAttachmentDefinition',
        metadata: { name, namespace },
        spec: { config: '{}' },
      };
      await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(definition) });
    }
  });

  async function review(object: object, more: object = {}, to = '/mutate-pods'): Promise<ReviewAnswer['response']> {
    const { port, caCertificate: ca } = running().webhook;
    const body = {
      kind: 'AdmissionReview',
      apiVersion: 'admission.k8s.io/v1',
      request: {
        uid: 'b1a2',
        kind: { group: '', version: 'v1', kind: 'Pod' },
        resource: { group: '', version: 'v1', resource: 'pods' },
        namespace,
        operation: 'CREATE',
        userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
        object,
        oldObject: null,
        dryRun: false,
        options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
        ...more,
      },
    };
    const sent = request({ host: '127.0.0.1', port, ca, path: `${to}?timeout=5s`, method: 'POST' });
    sent.end(JSON.stringify(body));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return (JSON.parse(text) as ReviewAnswer).response;
  }

  async function mutated(pod: ReviewedPod, more: object = {}): Promise<ReviewedPod> {
    const { allowed, patch, status } = await review(pod, more);
    expect(allowed, JSON.stringify(status)).to.equal(true);
    const operations = patch ? (JSON.parse(Buffer.from(patch, 'base64').toString()) as object[]) : [];
    return jsonpatch.apply_patch(pod, operations);
  }

  /** The pod with its network, as it is to be. */
  function injected(pod: ReviewedPod, networks: NetworkSelection[] = [{ name: 'gold' }]): ReviewedPod {
    const [first, ...others] = pod.spec.containers;
    return {
      metadata: {
        ...pod.metadata,
        annotations: { ...pod.metadata.annotations, [annotation.networks]: JSON.stringify(networks) },
        labels: { ...pod.metadata.labels, [label.injected]: 'true' },
      },
      spec: {
        ...pod.spec,
        containers: [{ ...first, resources: { limits: resource, requests: resource } }, ...others],
      },
    };
  }

  const kinds: Record<string, ReviewedPod> = {
    'a Deployment': podFrom('ReplicaSet', {
      generateName: 'web-5d4f-',
      labels: { app: 'web', 'pod-template-hash': '5d4f' },
    }),
    'a StatefulSet': podFrom('StatefulSet', {
      name: 'db-0',
      generateName: 'db-',
      labels: { 'statefulset.kubernetes.io/pod-name': 'db-0' },
      annotations: { note: 'kept' },
    }),
    'a Job': podFrom('Job', { generateName: 'batch-' }, { restartPolicy: 'Never' }),
    nobody: { metadata: { name: 'alone' }, spec: { containers: [{ name: 'main' }] } },
  };
  for (const [owner, pod] of Object.entries(kinds)) {
    it(`inject the pod of ${owner}`, async () => {
      const after = await mutated(pod);
      expect(after).to.deep.equal(injected(pod));
      expect((await review(after)).patch).to.equal(undefined);
    });
  }

  it('inject the pod of a DaemonSet with NICs and addresses of its node', async () => {
    const terms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['fake-1'] }] }];
    const affinity = {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } },
    };
    const pod = podFrom('DaemonSet', { generateName: 'agent-' }, { affinity });
    const after = await mutated(pod, { dryRun: true });
    const { [annotation.reservation]: reservation = '', ...annotations } = after.metadata.annotations ?? {};
    expect(reservation).to.match(/^[0-9a-f-]{36}$/);
    const attachments = [
      { master: 'eth1', netAddress: '172.20.1.0/24', addresses: ['10.240.0.1/18'] },
      { master: 'eth2', netAddress: '172.20.2.0/24', addresses: ['10.240.64.1/18'] },
    ];
    expect({ ...after, metadata: { ...after.metadata, annotations } }).to.deep.equal(
      injected(pod, [{ name: 'gold', 'cni-args': { [attachmentsKey]: attachments } }]),
    );
  });

  const skipped: Record<string, ReviewedPod> = {
    'on the host network': podFrom('DaemonSet', { name: 'a' }, { hostNetwork: true }),
    'that mirror a static pod': podFrom('Node', { name: 'b', annotations: { 'kubernetes.io/config.mirror': 'x' } }),
    'that opt out': podFrom('Job', { name: 'c', labels: { [label.injection]: 'disabled' } }),
    'with an empty list of networks': podFrom('Job', { name: 'd', annotations: { [annotation.ourNetworks]: '' } }),
  };
  for (const [what, pod] of Object.entries(skipped)) {
    it(`leave pods alone ${what}`, async () => {
      const { allowed, patch, auditAnnotations } = await review(pod);
      expect({ allowed, patch }).to.deep.equal({ allowed: true, patch: undefined });
      expect(auditAnnotations).to.have.property('skipped');
    });
  }

  it('take the namespace from the request, never from the pod', async () => {
    const pod = podFrom('Job', { name: 'liar', namespace: 'kube-system' });
    expect(await mutated(pod)).to.deep.equal(injected(pod));
  });

  it('lose no entry of the user, in any order and with any keys', async () => {
    const extra = fc.dictionary(fc.constantFrom('bandwidth', 'portMappings', 'x', 'infinibandGUID'), fc.jsonValue(), {
      noNullPrototype: true,
    });
    const args = fc.option(fc.dictionary(fc.constantFrom('vlan', 'other', 'nics'), fc.constant('1')), {
      nil: undefined,
    });
    const mac = fc.option(fc.constantFrom('c2:11:22:33:44:66', 'C2:11:22:33:44:67'), { nil: undefined });
    const element = fc
      .record({ name: fc.constantFrom('gold', 'storage', 'backup'), extra, args, mac })
      .map(({ extra: more, args: cniArgs, mac: address, ...named }) => ({
        ...more,
        ...named,
        ...(address !== undefined && { mac: address }),
        ...(cniArgs && { 'cni-args': cniArgs }),
      }));
    await fc.assert(
      fc.asyncProperty(fc.array(element, { minLength: 1, maxLength: 4 }), fc.nat(3), async (elements, routed) => {
        // Only one element may have it.
        const text = JSON.stringify(
          elements.map((item, i) => (i === routed ? { ...item, 'default-route': ['fe80::1'] } : item)),
        );
        const pod = podFrom('Job', { name: 'p', annotations: { [annotation.networks]: text, team: 'a' } });
        const after = await mutated(pod, { dryRun: true });
        const list = parseNetworks(after.metadata.annotations?.[annotation.networks] ?? '');
        expect(list.map(withoutAttachments)).to.deep.equal(JSON.parse(text));
        expect(after.metadata.annotations).to.include({ team: 'a' });
      }),
      { numRuns: 40 },
    );
  });

  it('give the same addresses when the pod is reviewed again', async () => {
    const flat = { namespace: 'golden-flat' };
    const pod = podFrom('ReplicaSet', { generateName: 'web-' });
    const once = await mutated(pod, flat);
    expect(once.metadata.annotations?.[annotation.networks]).to.match(/10\.241\.\d+\.\d+\/18/);
    const again = await review(once, flat);
    expect(again.patch).to.equal(undefined);
    expect(again.warnings).to.equal(undefined);
  });

  it('leave the pod nothing of an interface that another webhook has moved meanwhile', async () => {
    const { client } = running();
    const flat = { namespace: 'golden-flat' };
    const before = await mutated(podFrom('StatefulSet', { name: 'moved-0' }), flat);
    const { annotations = {} } = before.metadata;
    const moved = [{ name: 'storage', namespace }, ...parseNetworks(annotations[annotation.networks] ?? '')];
    const networks = { ...annotations, [annotation.networks]: JSON.stringify(moved) };
    const after = await mutated({ ...before, metadata: { ...before.metadata, annotations: networks } }, flat);
    const uid = 'moved-uid';
    const metadata = { ...after.metadata, uid };
    expect((await review({ ...after, metadata }, flat, '/validate-pods')).allowed).to.equal(true);
    await eventually('the confirmation', async () => {
      const records = (await recordsOf(client, 'level')).filter(({ name }) => name === 'moved-0');
      return records.map(r => `${r.interface} ${r.podUID}`).join() === `net2 ${uid}`;
    });
  });

  it('gives a pod nothing that is held back from the scheduler, as queues do: others are to run meanwhile', async () => {
    const pod = podFrom('Job', { name: 'queued' }, { schedulingGates: [{ name: 'kueue.x-k8s.io/admission' }] });
    const flat = { namespace: 'golden-flat' };
    const gated = await mutated(pod, flat);
    expect(parseNetworks(gated.metadata.annotations?.[annotation.networks] ?? '')).to.deep.equal([{ name: 'level' }]);
    expect(gated.metadata.labels).to.include({ [label.injected]: 'true' });
    expect(gated.metadata.annotations).not.to.have.property(annotation.reservation);
    const { client } = running();
    expect((await recordsOf(client, 'level')).filter(({ name }) => name === 'queued')).to.deep.equal([]);
    const open = await mutated({ ...gated, spec: { ...gated.spec, schedulingGates: [] } }, flat);
    const carried = open.metadata.annotations?.[annotation.reservation] ?? '';
    const records = await recordsOf(client, 'level');
    expect(records.filter(({ reservation }) => reservation === carried)).to.have.length(1);
  });
});
