import { audit, inBoth } from '../core/audit/audit.ts';
import { auditedPod } from '../core/audit/readPod.ts';
import type { AuditedNetwork, AuditFinding, AuditInput } from '../core/audit/types.ts';
import { label } from '../core/api/names.ts';
import type { IPPool, MultiNicNetwork } from '../core/api/types.ts';
import { isMultiNicError } from '../core/errors.ts';
import { hostIndexes } from '../core/layout/hostIndex.ts';
import { readNetwork } from '../core/network/network.ts';
import { readPool } from '../core/pool/content.ts';
import type { KubeClient } from './client.ts';
import { sleep } from './deadline.ts';
import { cidrs, ipPools, multiNicNetworks, nodes, pods, type Node, type Pod } from './resources.ts';

export interface ClusterAuditOptions {
  /** Between the two readings, where the first finds something, in milliseconds. */
  settleMs: number;
  /** See AuditRules. Default one minute each. */
  graceMs?: number;
  reservationMs?: number;
  signal?: AbortSignal;
}

/**
 * Audits the cluster as the API server has it. What is found is looked for a second time, and only what is still there is told: the
 * lists are not of one moment.
 * @throws ApiError, TransportError; MultiNicError MNN_POOL_UNREADABLE
 */
export async function auditCluster(client: KubeClient, options: ClusterAuditOptions): Promise<AuditFinding[]> {
  const { settleMs, graceMs = 60_000, reservationMs = 60_000, signal } = options;
  const look = async (): Promise<AuditFinding[]> => {
    const input = await readCluster(client, signal);
    return audit(input, { now: new Date(), graceMs, reservationMs });
  };
  const first = await look();
  if (first.length === 0) return [];
  await sleep(settleMs, signal);
  return inBoth(first, await look());
}

/** Pods are read before pools: what admission wrote into a pod, the pool had before. */
async function readCluster(client: KubeClient, signal: AbortSignal | undefined): Promise<AuditInput> {
  const options = signal ? { signal } : {};
  const seen = new Map<string, Pod>();
  const see = async (selection: { namespace?: string; labelSelector?: string }): Promise<void> => {
    const { items } = await client.list(pods, { ...options, ...selection, transform: trimPod });
    for (const pod of items) seen.set(pod.metadata.uid ?? '', pod);
  };
  await see({ labelSelector: `${label.injected}=true` });
  const { items: poolObjects } = await client.list(ipPools, options);
  const pools = poolObjects.map(auditedPool);
  // Pods whose addresses the agent allocated carry no label of ours.
  const others = pools.flatMap(({ allocations }) =>
    allocations.filter(record => record.state !== 'Released' && record.podUID !== '' && !seen.has(record.podUID)),
  );
  for (const namespace of new Set(others.map(record => record.namespace))) await see({ namespace });
  const networks = await readNetworks(client, options);
  const { items: nodeObjects } = await client.list<Node>(nodes, options);
  return {
    pods: [...seen.values()].map(auditedPod),
    pools,
    networks,
    nodes: new Map(nodeObjects.map(node => [node.metadata.name, isReady(node)])),
  };
}

async function readNetworks(
  client: KubeClient,
  options: { signal?: AbortSignal },
): Promise<Map<string, AuditedNetwork | undefined>> {
  const { items: objects } = await client.list(multiNicNetworks, options);
  const { items: pages } = await client.list(cidrs, options);
  return new Map(
    objects.map(object => {
      const { name } = object.metadata;
      const indexes = hostIndexes(pages.map(({ spec }) => spec).filter(({ network }) => network === name));
      return [name, auditedNetwork(object, indexes)];
    }),
  );
}

function auditedNetwork(object: MultiNicNetwork, indexes: ReadonlyMap<string, number>): AuditedNetwork | undefined {
  try {
    return { network: readNetwork(object), interfaces: object.status?.interfaces ?? [], hostIndexes: indexes };
  } catch (error) {
    // Its status says so.
    if (isMultiNicError(error)) return undefined;
    throw error;
  }
}

function auditedPool(pool: IPPool): AuditInput['pools'][number] {
  return { name: pool.metadata.name, spec: pool.spec, allocations: readPool(pool).allocations };
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.some(condition => condition.type === 'Ready' && condition.status === 'True') ?? false;
}

/** What the audit reads of a pod. */
function trimPod({ metadata, spec, status }: Pod): Pod {
  const { name, namespace, uid, creationTimestamp, annotations } = metadata;
  return {
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(creationTimestamp !== undefined && { creationTimestamp }),
      ...(annotations && { annotations }),
    },
    spec: { containers: [], ...(spec?.nodeName !== undefined && { nodeName: spec.nodeName }) },
    status: {
      ...(status?.phase !== undefined && { phase: status.phase }),
      ...(status?.containerStatuses && { containerStatuses: status.containerStatuses }),
    },
  };
}
