import type { Cidr, MultiNicNetwork } from '../../core/api/types.ts';
import type { AuditedNetwork, AuditInput } from '../../core/audit/types.ts';
import { hostIndexes } from '../../core/layout/hostIndex.ts';
import { tryReadNetwork } from '../../core/network/network.ts';
import type { KubeClient } from '../api/client.ts';
import { isReady } from '../api/readiness.ts';
import { cidrs, multiNicNetworks, type Node, nodes } from '../api/resources.ts';

/** What every part of an audit is compared with. */
export type AuditFrame = Pick<AuditInput, 'networks' | 'nodes'>;

/** A Node carries kilobytes of image names; pages of this size are parsed without blocking the process noticeably. */
const nodesAtOnce = 100;

/** Reads what is the same for all pods and pools: networks, host indexes, nodes. */
export async function readFrame(client: KubeClient, signal: AbortSignal | undefined): Promise<AuditFrame> {
  const { items: objects } = await client.list(multiNicNetworks, { signal });
  const { items: pages } = await client.list(cidrs, { signal });
  const { items: nodeObjects } = await client.list(nodes, { signal, limit: nodesAtOnce, transform: trimNode });
  return {
    networks: auditedNetworks(objects, pages),
    nodes: new Map(nodeObjects.map(node => [node.metadata.name, isReady(node)])),
  };
}

/** The networks as the audit sees them, by name; undefined: its spec cannot be read. */
export function auditedNetworks(
  objects: readonly MultiNicNetwork[],
  pages: readonly Cidr[],
): Map<string, AuditedNetwork | undefined> {
  const pagesOf = Map.groupBy(pages, ({ spec }) => spec.network);
  return new Map(
    objects.map(object => {
      const own = pagesOf.get(object.metadata.name) ?? [];
      return [object.metadata.name, auditedNetwork(object, hostIndexes(own.map(({ spec }) => spec)))];
    }),
  );
}

function auditedNetwork(object: MultiNicNetwork, indexes: ReadonlyMap<string, number>): AuditedNetwork | undefined {
  const network = tryReadNetwork(object);
  return network && { network, interfaces: object.status?.interfaces ?? [], hostIndexes: indexes };
}

function trimNode({ metadata: { name }, status }: Node): Node {
  return {
    metadata: { name },
    status: { conditions: status?.conditions?.filter(({ type }) => type === 'Ready') ?? [] },
  };
}
