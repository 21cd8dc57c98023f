import type { ApiClient } from './apiClient.ts';

/** A Node object without a machine behind it. */
export interface FakeNode {
  name: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** Creates Node objects that are Ready and have room for 2,000 pods; 16 requests at a time. */
export async function createFakeNodes(client: ApiClient, nodes: readonly FakeNode[]): Promise<void> {
  const queue = nodes.values();
  const worker = async (): Promise<void> => {
    for (const node of queue) await createFakeNode(client, node);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

async function createFakeNode(client: ApiClient, node: FakeNode): Promise<void> {
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const capacity = { cpu: '64', memory: '256Gi', pods: '2000' };
  const ready = { type: 'Ready', status: 'True', reason: 'Fake', message: 'has no machine behind it' };
  const { status, text } = await client.send('POST', '/api/v1/nodes', {
    metadata: {
      name: node.name,
      labels: { 'kubernetes.io/hostname': node.name, 'kubernetes.io/os': 'linux', ...node.labels },
      ...(node.annotations && { annotations: node.annotations }),
    },
    status: {
      capacity,
      allocatable: capacity,
      conditions: [{ ...ready, lastHeartbeatTime: now, lastTransitionTime: now }],
    },
  });
  if (status !== 201) throw new Error(`Creating the Node ${node.name} was answered ${status}: ${text}`);
}
