import { certificates, component } from '../../core/api/names.ts';
import type { MultiNicNetwork } from '../../core/api/types.ts';
import { auditedPod } from '../../core/audit/readPod.ts';
import { auditedPool } from '../../core/audit/readPool.ts';
import type { AuditInput } from '../../core/audit/types.ts';
import type { DiagnosedNode, DiagnosedPod, DiagnosisFacts, PodWarning } from '../../core/diagnosis/facts.ts';
import { selectedBy } from '../../core/diagnosis/selection.ts';
import { knownNode } from '../../core/pod/knownNode.ts';
import { reservationPool } from '../../core/pool/reservationPool.ts';
import type { KubeClient } from '../api/client.ts';
import { isReady } from '../api/readiness.ts';
import * as resources from '../api/resources.ts';
import { auditedNetworks } from '../audit/frame.ts';
import { allOf, wishing } from './rights.ts';

/**
 * Reads what a pod's NICs depend on, with the caller's rights. The pod is read before its pools: what admission wrote into it was in them before.
 * @throws Error that names all rights that lack, ApiError where there is no such pod
 */
export async function readFacts(client: KubeClient, ref: { namespace: string; name: string }): Promise<DiagnosisFacts> {
  const [pod, namespace, { items: networks }, { items: pages }] = await allOf([
    client.get(resources.pods, ref) as Promise<DiagnosedPod>,
    client.get(resources.namespaces, { name: ref.namespace }),
    client.list(resources.multiNicNetworks),
    client.list(resources.cidrs),
  ]);
  const audited = auditedNetworks(networks, pages);
  const unread: string[] = [];
  const registration = client.find(resources.mutatingWebhookConfigurations, { name: certificates.service });
  const [node, pools, { items: warnings }, registered] = await allOf([
    readNode(client, knownNode(pod.spec ?? {}), unread),
    Promise.all(Array.from(poolsOf(pod, networks, audited), name => client.find(resources.ipPools, { name }))),
    client.list(resources.events, {
      namespace: ref.namespace,
      fieldSelector: `involvedObject.uid=${pod.metadata.uid},type=Warning`,
    }),
    wishing(
      'whether the webhook is registered',
      registration.then(found => found?.metadata.creationTimestamp ?? 'none'),
      unread,
    ),
  ]);
  return {
    now: client.serverTime,
    pod,
    namespace: namespace.metadata,
    registered,
    networks,
    audited: { networks: audited, pools: pools.flatMap(pool => (pool ? auditedPool(pool) : [])) },
    node,
    warnings: warnings.map(warningOf),
    unread,
  };
}

async function readNode(
  client: KubeClient,
  name: string | undefined,
  unread: string[],
): Promise<DiagnosedNode | undefined> {
  if (name === undefined) return undefined;
  const labelSelector = `app.kubernetes.io/name=${component.agent}`;
  const agentsThere = client.list(resources.pods, { labelSelector, fieldSelector: `spec.nodeName=${name}` });
  const [host, state, agents] = await allOf([
    client.find(resources.hostInterfaces, { name }),
    wishing('whether its node is ready', client.find(resources.nodes, { name }).then(stateOf), unread),
    wishing(
      'whether its agent is ready',
      agentsThere.then(({ items }) => items.map(agentOf)),
      unread,
    ),
  ]);
  return { name, host, state, agents };
}

/** Names of the pools that have, or would have, records of the pod. */
function poolsOf(
  pod: DiagnosedPod,
  networks: readonly MultiNicNetwork[],
  audited: AuditInput['networks'],
): Set<string> {
  const { interfaces } = auditedPod(pod);
  const node = knownNode(pod.spec ?? {});
  const names = selectedBy(pod, networks).map(({ network: name, decided }) => {
    const made = interfaces
      .filter(({ network }) => network === name)
      .map(({ addresses }) => ({ netAddress: '', addresses: [...addresses] }));
    const network = audited.get(name)?.network;
    return network && reservationPool(network, decided ?? made, node);
  });
  return new Set(names.filter(name => name !== undefined));
}

function stateOf(node: resources.Node | undefined): DiagnosedNode['state'] {
  if (!node) return 'gone';
  return isReady(node) ? 'ready' : 'not ready';
}

function agentOf({ metadata: { name }, status }: resources.Pod): { name: string; isReady: boolean } {
  return {
    name,
    isReady: status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false,
  };
}

function warningOf({ reason = '', message = '', series, source, metadata, ...event }: resources.Event): PodWarning {
  const last = series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? metadata.creationTimestamp ?? '';
  return { reason, message, component: source?.component ?? event.reportingComponent ?? '', last };
}
