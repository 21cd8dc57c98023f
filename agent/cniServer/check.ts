import type { CniCall } from '../../core/cni/call.ts';
import { type CniConfig, prevResultOf } from '../../core/cni/config.ts';
import { cniCodes, cniError } from '../../core/cni/error.ts';
import { checkAttachment } from '../attach/check.ts';
import { type CheckpointEntry, lastPrinted } from '../checkpoint/entry.ts';
import type { CniContext } from './context.ts';

/**
 * CHECK (CNI 1.1, section 2): every attachment that the call's ADD made is as it was made, to the agent and to the plugins that it called.
 * @throws CniError code 7 (no prevResult), 3 (never attached here), 102 (changed), or a delegate's own
 */
export async function check(context: CniContext, call: CniCall, config: CniConfig): Promise<string> {
  if (!prevResultOf(config)) {
    throw cniError(cniCodes.invalidConfig, 'MNN_CNI_CONFIG', 'CHECK needs prevResult');
  }
  const entries = context.checkpoint.ofCall(call.containerId, call.ifname);
  if (entries.length === 0 && !config.chained) {
    throw cniError(cniCodes.unknownContainer, 'MNN_ATTACHMENT_CHANGED', `${call.ifname} was not attached here`);
  }
  for (const entry of entries) {
    if (entry.state !== 'done') {
      throw cniError(cniCodes.attachmentChanged, 'MNN_ATTACHMENT_CHANGED', `${entry.ifname} was attached only partly`);
    }
    await checkAttachment(context.netlink, entry, call.netns);
    await checkDelegates(context, entry, call);
  }
  return '';
}

/** Moves the routes of an interface, which those reference plugins that make interfaces look for where they were, and fail. */
const movesRoutes = 'sbr';

async function checkDelegates({ delegates }: CniContext, entry: CheckpointEntry, call: CniCall): Promise<void> {
  const { containerId, call: { args, path } = { args: '', path: call.path } } = entry;
  for (const link of entry.links) {
    const { name: ifname, delegate, chain = [] } = link;
    const prevResult = lastPrinted(link);
    if (!prevResult) continue;
    const isMoved = delegate?.role === 'plugin' && chain.some(({ conf }) => conf.type === movesRoutes);
    for (const one of [...(delegate && !isMoved ? [delegate] : []), ...chain]) {
      await delegates.check(one, { containerId, netns: call.netns, ifname, args, path }, prevResult);
    }
  }
}
