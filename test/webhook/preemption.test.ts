import { expect } from 'chai';
import { extendedResourceName } from '../../core/api/names.ts';
import { nodes, type Pod, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { startReleasers } from '../faults/releasers.ts';
import { createNetwork } from './networks.ts';
import { addressesOf, attachmentsOf, bound, createNamespace, podOf, recordsOf, useWebhookCluster } from './support.ts';

const namespace = 'preemption';
const node = 'fake-1';

/** As the DaemonSet controller writes it. */
const daemon = {
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
      },
    },
  },
};

describe('preemption, by the real scheduler', () => {
  const running = useWebhookCluster();

  before(async () => {
    const { client, cluster } = running();
    await createNamespace(client, namespace);
    // Six addresses on each NIC of a node.
    await createNetwork(client, 'tight', {
      ...{ subnet: '10.229.0.0/26', interfaceBlock: 1, hostBlock: 2, vlanMode: 'l2', namespaces: [namespace] },
    });
    const six = { [extendedResourceName('tight')]: '6' };
    const status = { capacity: six, allocatable: six };
    await client.patch(nodes, { name: node }, 'merge', { status }, { subresource: 'status' });
    const kind = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass' };
    const urgent = { ...kind, metadata: { name: 'urgent' }, value: 1_000_000 };
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(urgent) });
  });

  for (const [what, placement] of [
    ['a DaemonSet', daemon],
    ['anybody', { nodeSelector: { 'kubernetes.io/hostname': node } }],
  ] as const) {
    it(`a pod of ${what} takes the addresses of one that matters less`, async () => {
      const { client, cluster } = running();
      const create = (name: string, spec: object): Promise<Pod> =>
        client.create(pods, podOf({ namespace, name, spec: { ...placement, ...spec } }));
      const gone = ({ metadata }: Pod): Promise<void> => client.delete(pods, metadata, { gracePeriodSeconds: 0 });
      await using parts = new AsyncDisposableStack();
      parts.use(await startReleasers(cluster, [node]));
      await Promise.all(
        [1, 2, 3, 4, 5, 6].map(async i => {
          // No kubelet ends it, which leaves the time to look.
          const { metadata } = await create(`lesser-${i}`, { terminationGracePeriodSeconds: 60 });
          return bound(client, { namespace, name: metadata.name });
        }),
      );
      const urgent = await create('urgent', { priorityClassName: 'urgent' });
      expect(attachmentsOf(urgent)).to.equal(undefined);
      const victim = await eventually('one to be preempted', async () => {
        const { items } = await client.list(pods, { namespace });
        return items.find(({ metadata }) => metadata.deletionTimestamp !== undefined);
      });
      await gone(victim);
      const pod = await bound(client, { namespace, name: 'urgent' });
      expect(pod.metadata.uid).to.equal(urgent.metadata.uid);
      expect(addressesOf(pod)).to.have.length(2);
      const { items } = await client.list(pods, { namespace });
      expect(items).to.have.length(6);
      await Promise.all(items.map(gone));
      await eventually('all to be released', async () => (await recordsOf(client, 'tight')).length === 0);
    });
  }
});
