import { isUsers } from '../../core/api/owner.ts';
import type { Cidr, IPPool } from '../../core/api/types.ts';
import { isOurs } from '../../core/predecessor/objects.ts';
import { isConflict, isNotFound } from '../../kube/api/errors.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks, nodes, pods } from '../../kube/api/resources.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { mayRun } from './injectedPods.ts';

/**
 * Deletes the HostInterfaces and pools of nodes that are gone (a user's own HostInterfaces stay), and the pools and pages of networks that
 * are gone (the garbage collector does that, too, if owner references are intact). Gone means that the API server has just answered 404; and
 * as long as pods are bound to a node, it may come back with them: when a Node object is deleted by hand, its kubelet registers it again.
 * The predecessor's CIDRs and IPPools stay for `kubectl multinic import`.
 */
export async function sweepOrphans(context: LeaderContext, signal: AbortSignal): Promise<void> {
  const { client, informers } = context;
  const isNodeGone = memo(async name => (await client.find(nodes, { name }, { signal })) === undefined);
  const isNetworkGone = memo(async name => (await client.find(multiNicNetworks, { name }, { signal })) === undefined);
  const hasPods = memo(async name => {
    // To find any, the API server's cache is enough, which finds them by node. That there are none must not be concluded from a cache.
    for (const from of [{ resourceVersion: '0' }, {}]) {
      const { items } = await client.list(pods, { ...from, fieldSelector: `spec.nodeName=${name}`, signal });
      if (items.some(mayRun)) return true;
    }
    return false;
  });
  const lacksNetwork = async ({ spec: { network } }: Cidr | IPPool): Promise<boolean> =>
    informers.networks.get(network) === undefined && (await isNetworkGone(network));
  const lacksNode = async (name: string): Promise<boolean> =>
    informers.nodes.get(name) === undefined && (await isNodeGone(name)) && !(await hasPods(name));
  for (const host of [...informers.hosts.list()]) {
    if (!isUsers(host) && (await lacksNode(host.metadata.name))) await remove(context, hostInterfaces, host, signal);
  }
  for (const pool of [...informers.pools.list()].filter(isOurs)) {
    const { hostName } = pool.spec;
    const isLost = (hostName !== undefined && (await lacksNode(hostName))) || (await lacksNetwork(pool));
    if (isLost) await remove(context, ipPools, pool, signal);
  }
  for (const page of [...informers.cidrs.list()].filter(isOurs)) {
    if (await lacksNetwork(page)) await remove(context, cidrs, page, signal);
  }
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
  { client, logger }: LeaderContext,
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
