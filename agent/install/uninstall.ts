import { rm, writeFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { component } from '../../core/api/names.ts';
import { uninstalledMark } from '../../core/cni/wire.ts';
import type { KubeClient } from '../../kube/client.ts';
import { ApiError } from '../../kube/errors.ts';
import { daemonSets, namespaces } from '../../kube/resources.ts';
import type { KubeObject, ObjectRef, Resource } from '../../kube/types.ts';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Netlink } from '../netlink/netlink.ts';
import { KernelRoutes } from '../routes/kernelRoutes.ts';
import { lockPath } from '../cniServer/socketServer.ts';
import type { AgentOptions } from '../options.ts';
import { removeChainedNetwork } from './chainedNetwork.ts';
import { removeExecutable } from './installExecutable.ts';

/** Of the time that a pod has to end, ms. */
const askTimeoutMs = 5_000;

/**
 * Whether this agent ends because the system is uninstalled, and not because its pod is replaced or its node drained: its DaemonSet or the
 * namespace is gone or going, or what allows it to ask is (its service account, its role), as they go in any order. An API server that does
 * not answer says nothing: then it is not.
 * @param namespace where the DaemonSet is
 */
export async function isUninstalled(client: KubeClient, namespace: string): Promise<boolean> {
  const going = await Promise.all([
    isGoing(client, daemonSets, { namespace, name: component.agent }),
    isGoing(client, namespaces, { name: namespace }),
  ]);
  return going.includes(true);
}

async function isGoing<T extends KubeObject>(client: KubeClient, kind: Resource<T>, ref: ObjectRef): Promise<boolean> {
  try {
    const { metadata } = await client.get(kind, ref, { timeoutMs: askTimeoutMs });
    return metadata.deletionTimestamp !== undefined;
  } catch (error) {
    return error instanceof ApiError && [401, 403, 404].includes(error.status);
  }
}

/** What the agent made on its node. */
export type Installed = Pick<AgentOptions, 'cniBinDir' | 'chain' | 'socket' | 'stateDir'>;

/**
 * Takes from the node what agents put there, so that pods start and end without us: first our plugin in the primary network, then routes
 * and rules, the CNI executable, and what was remembered. Where pods still have interfaces of ours, all but the first stays for an agent
 * that is installed later: routes, because those pods use them, and the executable, because runtimes call it when those pods end. A mark
 * tells it then that there is nobody to ask.
 */
export async function uninstall(
  { cniBinDir, chain, socket, stateDir }: Installed,
  netlink: Netlink,
  checkpoint: Checkpoint,
  logger: Logger,
): Promise<void> {
  if (chain !== undefined) await removeChainedNetwork(chain);
  const attachments = [...checkpoint.list()].length;
  if (attachments > 0) {
    await writeFile(uninstalledMark(socket), '', { mode: 0o600 });
    logger.warn({ attachments }, 'uninstalled, but for what pods use that still run: delete them first next time');
    return;
  }
  const { failures } = await new KernelRoutes(netlink).reconcile([]);
  if (cniBinDir !== undefined) await removeExecutable(cniBinDir);
  await Checkpoint.remove(stateDir);
  await rm(lockPath(socket), { force: true });
  logger.info({ failures }, 'uninstalled from this node');
}
