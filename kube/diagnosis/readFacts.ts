import { certificates, component, label } from '../../core/api/names.ts';
import type { Cidr, DeviceClass, HostInterface, IPPool, MultiNicNetwork } from '../../core/api/types.ts';
import { auditedPod } from '../../core/audit/readPod.ts';
import { auditedPool } from '../../core/audit/readPool.ts';
import type { DiagnosedPod, DiagnosisFacts, PodWarning } from '../../core/diagnosis/facts.ts';
import { type Selected, selectedBy } from '../../core/diagnosis/selection.ts';
import type { Network } from '../../core/network/network.ts';
import { reservationPool } from '../../core/pool/reservationPool.ts';
import type { KubeClient } from '../api/client.ts';
import { isReady } from '../api/readiness.ts';
import {
  cidrs,
  deviceClasses,
  type Event,
  events,
  hostInterfaces,
  ipPools,
  multiNicNetworks,
  type MutatingWebhookConfiguration,
  mutatingWebhookConfigurations,
  type Namespace,
  namespaces,
  type Node,
  nodes,
  type Pod,
  pods,
} from '../api/resources.ts';
import { auditedNetworks } from '../audit/frame.ts';
import { allOf, needing, wishing } from './rights.ts';

/** A network of the pod, as far as its spec can be read. */
interface Chosen {
  selected: Selected;
  of: Network | undefined;
}

/** A Node carries kilobytes of image names. */
const nodesAtOnce = 100;

/**
 * Reads what a pod's NICs depend on, with the caller's rights. The pod is read before its pools: what admission wrote into it was in them before.
 * Of a pod without a node, all nodes are read; else only its own.
 * @throws Error that names the rights that lack, ApiError where there is no such pod
 */
export async function readFacts(client: KubeClient, ref: { namespace: string; name: string }): Promise<DiagnosisFacts> {
  const { namespace: of } = ref;
  const [pod, namespace, networks, pages] = await allOf<[DiagnosedPod, Namespace, MultiNicNetwork[], Cidr[]]>([
    needing(`get pods in ${of}`, client.get(pods, ref) as Promise<DiagnosedPod>),
    needing('get namespaces', client.get(namespaces, { name: of })),
    needing('list multinicnetworks', all(client.list(multiNicNetworks))),
    needing('list cidrs', all(client.list(cidrs))),
  ]);
  const node = pod.spec?.nodeName;
  const audited = auditedNetworks(networks, pages);
  const chosen = selectedBy(pod, networks).map(selected => ({ selected, of: audited.get(selected.network)?.network }));
  const needsAll = node === undefined || chosen.some(({ of: network }) => network?.fromHosts);
  const unread: string[] = [];
  const unsaid = (what: string, right: string) => () =>
    unread.push(`${what} is not known without the right to ${right}`);
  const [hosts, nodeObjects, pools, classes, told, configurations, agents] = await allOf<
    [
      HostInterface[],
      Node[],
      IPPool[],
      DeviceClass[],
      Event[],
      MutatingWebhookConfiguration[] | undefined,
      Pod[] | undefined,
    ]
  >([
    needing(
      'get and list hostinterfaces',
      needsAll ? all(client.list(hostInterfaces)) : one(client.find(hostInterfaces, { name: node })),
    ),
    needing(
      'get and list nodes',
      node === undefined
        ? all(client.list(nodes, { limit: nodesAtOnce, transform: trimNode }))
        : one(client.find(nodes, { name: node })),
    ),
    needing('get and list ippools', readPools(client, pod, chosen)),
    needing('list deviceclasses', all(client.list(deviceClasses))),
    needing(
      `list events in ${of}`,
      all(client.list(events, { namespace: of, fieldSelector: `involvedObject.uid=${pod.metadata.uid},type=Warning` })),
    ),
    wishing(
      one(client.find(mutatingWebhookConfigurations, { name: certificates.service })),
      unsaid('whether the webhook is registered', 'get mutatingwebhookconfigurations'),
    ),
    wishing(agentsOn(client, node), unsaid("whether the node's agent is ready", 'list pods in all namespaces')),
  ]);
  return {
    now: client.serverTime,
    pod,
    namespace: namespace.metadata,
    registered: configurations && (configurations[0]?.metadata.creationTimestamp ?? 'none'),
    networks,
    audited,
    nodes: new Map(
      nodeObjects
        .filter(object => isWanted(pod, object))
        .map(object => [object.metadata.name, canStart(object, node !== undefined)]),
    ),
    hosts,
    pools: pools.map(auditedPool),
    deviceClasses: classes,
    agents: agents?.map(({ metadata: { name }, status }) => ({
      name,
      isReady: status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false,
    })),
    warnings: told.map(warningOf),
    unread,
  };
}

/** The pools that have, or would have, records of the pod. */
async function readPools(client: KubeClient, pod: DiagnosedPod, chosen: readonly Chosen[]): Promise<IPPool[]> {
  const node = pod.spec?.nodeName;
  const { interfaces } = auditedPod(pod);
  const names = new Set<string>();
  const everywhere = new Set<string>();
  for (const { selected, of } of chosen) {
    if (!of) continue;
    const made = interfaces
      .filter(link => link.network === of.name)
      .map(({ addresses }) => ({ netAddress: '', addresses: [...addresses] }));
    const name = reservationPool(of, selected.decided ?? made, node);
    if (name !== undefined) names.add(name);
    else if (!of.nodeIndependent) everywhere.add(of.name);
  }
  const found = await Promise.all([
    ...Array.from(names, name => one(client.find(ipPools, { name }))),
    ...Array.from(everywhere, network => all(client.list(ipPools, { labelSelector: `${label.network}=${network}` }))),
  ]);
  return found.flat();
}

async function agentsOn(client: KubeClient, node: string | undefined): Promise<Pod[]> {
  if (node === undefined) return [];
  const labelSelector = `app.kubernetes.io/name=${component.agent}`;
  return all(client.list(pods, { labelSelector, fieldSelector: `spec.nodeName=${node}` }));
}

/** Whether the pod's nodeSelector is for the node; of one that has its node that does not matter any more. */
function isWanted({ spec }: DiagnosedPod, { metadata: { labels = {} } }: Node): boolean {
  if (spec?.nodeName !== undefined) return true;
  return Object.entries(spec?.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
}

/** @param isBound the pod runs there already: that the node takes no new ones does not matter */
function canStart(node: Node, isBound: boolean): boolean {
  return isReady(node) && (isBound || node.spec?.unschedulable !== true);
}

function trimNode({ metadata: { name, labels = {} }, spec, status }: Node): Node {
  const conditions = status?.conditions?.filter(({ type }) => type === 'Ready') ?? [];
  return { metadata: { name, labels }, spec: { unschedulable: spec?.unschedulable ?? false }, status: { conditions } };
}

function warningOf({ reason = '', message = '', count, series, source, metadata, ...event }: Event): PodWarning {
  const last = series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? metadata.creationTimestamp ?? '';
  const by = source?.component ?? event.reportingComponent ?? '';
  return { reason, message, component: by, count: series?.count ?? count ?? 1, last };
}

async function all<T>(list: Promise<{ items: T[] }>): Promise<T[]> {
  return (await list).items;
}

async function one<T>(find: Promise<T | undefined>): Promise<T[]> {
  const found = await find;
  return found === undefined ? [] : [found];
}
