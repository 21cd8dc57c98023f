import { isUsers } from '../../core/api/owner.ts';
import type { Cidr, IPPool } from '../../core/api/types.ts';
import { isOurs } from '../../core/predecessor/objects.ts';
import { isConflict, isNotFound } from '../../kube/api/errors.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks, nodes } from '../../kube/api/resources.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import { eachOf } from '../../kube/process/eachOf.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { podsByNode } from './podsByNode.ts';

type Sweeping = Pick<LeaderContext, 'client' | 'logger' | 'informers'>;

/** Looked at and deleted at the same time: hundreds of nodes may go at once. */
const objectsAtOnce = 4;

/**
 * Deletes the HostInterfaces and pools of nodes that are gone (a user's own HostInterfaces stay), and the pools and pages of networks that
 * are gone (the garbage collector does that, too, if owner references are intact). Gone means that the API server has just answered 404; and
 * as long as pods are bound to a node, it may come back with them: when a Node object is deleted by hand, its kubelet registers it again.
 * The predecessor's CIDRs and IPPools stay for `kubectl multinic import`.
 */
export async function sweepOrphans(context: Sweeping, signal: AbortSignal): Promise<void> {
  const { client, informers } = context;
  const isNetworkGone = memo(async name => (await client.find(multiNicNetworks, { name }, { signal })) === undefined);
  const gone = await goneNodes(context, signal);
  // Made now, as what is found out about pods has to be newer than that their node is gone.
  const hasPods = memo(podsByNode(client, signal));
  const lacksNetwork = async ({ spec: { network } }: Cidr | IPPool): Promise<boolean> =>
    informers.networks.get(network) === undefined && (await isNetworkGone(network));
  const lacksNode = async (name: string): Promise<boolean> => gone.has(name) && !(await hasPods(name));
  await eachOf(informers.hosts.list(), objectsAtOnce, async host => {
    if (!isUsers(host) && (await lacksNode(host.metadata.name))) await remove(context, hostInterfaces, host, signal);
  });
  await eachOf([...informers.pools.list()].filter(isOurs), objectsAtOnce, async pool => {
    const { hostName } = pool.spec;
    const isLost = (hostName !== undefined && (await lacksNode(hostName))) || (await lacksNetwork(pool));
    if (isLost) await remove(context, ipPools, pool, signal);
  });
  await eachOf([...informers.cidrs.list()].filter(isOurs), objectsAtOnce, async page => {
    if (await lacksNetwork(page)) await remove(context, cidrs, page, signal);
  });
}

/** Those of which something is left and of which the API server has just said that they do not exist. */
async function goneNodes({ client, informers }: Sweeping, signal: AbortSignal): Promise<Set<string>> {
  const left = new Set<string>();
  for (const host of informers.hosts.list()) if (!isUsers(host)) left.add(host.metadata.name);
  for (const { spec } of [...informers.pools.list()].filter(isOurs))
    if (spec.hostName !== undefined) left.add(spec.hostName);
  const gone = new Set<string>();
  await eachOf(
    [...left].filter(name => informers.nodes.get(name) === undefined),
    objectsAtOnce,
    async name => {
      if ((await client.find(nodes, { name }, { signal })) === undefined) gone.add(name);
    },
  );
  return gone;
}

/** Asks each question once a sweep. */
function memo(ask: (name: string) => Promise<boolean>): (name: string) => Promise<boolean> {
  const answers = new Map<string, Promise<boolean>>();
  return name => {
    const answer = answers.get(name) ?? ask(name);
    answers.set(name, answer);
    return answer;
  };
}

/** Deletes the object as it was seen; one that changed since is looked at again in the next sweep. */
async function remove(
  { client, logger }: Sweeping,
  resource: Resource,
  { metadata }: KubeObject,
  signal: AbortSignal,
): Promise<void> {
  const { name, uid, resourceVersion } = metadata;
  try {
    await client.delete(resource, { name }, { signal, preconditions: { uid, resourceVersion } });
    logger.info({ [resource.kind]: name }, 'deleted: its node or network is gone');
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}
