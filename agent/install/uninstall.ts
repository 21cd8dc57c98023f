import { rm, writeFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { uninstalledMark } from '../../core/cni/wire.ts';
import { failureText } from '../../core/status/routesProgrammed.ts';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import { lockPath } from '../cniServer/nodeLock.ts';
import type { Flags } from '../flags.ts';
import type { Netlink } from '../netlink/netlink.ts';
import { KernelRoutes } from '../routes/kernelRoutes.ts';
import { OwnBlocks } from '../routes/ownBlocks.ts';
import { WaitingStatuses } from '../status/waitingStatuses.ts';
import { removeChainedNetwork } from './chainedNetwork.ts';
import type { Installation } from './installation.ts';
import { removeExecutable } from './installExecutable.ts';

/** What the agent made on its node. */
export type Installed = Pick<Flags, 'cniBinDir' | 'chain' | 'socket' | 'stateDir'>;

/** What removing it takes. */
interface Tools {
  readonly netlink: Netlink;
  readonly checkpoint: Checkpoint;
  readonly logger: Logger;
}

/**
 * Removes what an agent that ends should not leave behind: everything, if the system is uninstalled; only the chained network, if the next agent
 * will not chain it (nobody would keep it in step with the primary network, and runtimes would prefer it to Multus). Otherwise nothing.
 */
export async function leave(installation: Installation, installed: Installed, tools: Tools): Promise<void> {
  const { chain } = installed;
  if (await installation.isGone()) await uninstall(installed, tools);
  else if (chain !== undefined && !(await installation.chains(chain))) {
    await removeChainedNetwork(chain);
    tools.logger.info({ folder: chain }, 'the primary network is no longer chained');
  }
}

/**
 * Removes from the node what agents put there, so that pods start and end without us: first our plugin in the primary network, then routes
 * and rules, the CNI executable, and the checkpoint. If pods still have interfaces of ours, everything but the first stays for an agent
 * that is installed later: routes, because those pods use them, and the executable, because runtimes call it when those pods end. A mark
 * tells the executable that there is no agent to ask.
 */
async function uninstall(
  { cniBinDir, chain, socket, stateDir }: Installed,
  { netlink, checkpoint, logger }: Tools,
): Promise<void> {
  if (chain !== undefined) await removeChainedNetwork(chain);
  const attachments = [...checkpoint.list()].length + checkpoint.lost().length;
  if (attachments > 0) {
    await writeFile(uninstalledMark(socket), '', { mode: 0o600 });
    logger.warn({ attachments }, 'uninstalled, except what running pods still use: next time, delete these first');
    return;
  }
  const { failures } = await new KernelRoutes(netlink).reconcile([]);
  await new OwnBlocks(netlink).reconcile(new Set());
  if (cniBinDir !== undefined) await removeExecutable(cniBinDir);
  await Checkpoint.remove(stateDir);
  WaitingStatuses.remove(stateDir);
  await rm(lockPath(socket), { force: true });
  logger.info({ failures: failures.map(failureText) }, 'uninstalled from this node');
}
