import type { CniCall } from '../../core/cni/call.ts';
import { cniCodes, cniError, toCniError } from '../../core/cni/error.ts';
import type { CniConfig } from '../../core/cni/config.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import type { CniContext } from './context.ts';

/**
 * DEL (CNI 1.1, section 2): takes away what the call's ADD made, as far as it is there. It needs neither the namespace nor the API
 * server; addresses are released afterwards, once the pod is gone.
 */
export async function remove(context: CniContext, { containerId, ifname }: CniCall): Promise<string> {
  for (const entry of context.checkpoint.ofCall(containerId, ifname)) await removeEntry(context, entry);
  return '';
}

/** CHECK and DEL of one attachment of a sandbox must not meet an ADD of it. */
export type Exclusively = (containerId: string, work: () => Promise<void>) => Promise<void>;

/**
 * GC (CNI 1.1, section 2): takes away every attachment of the network that the runtime does not know. Errors are collected, and do not
 * keep the others.
 */
export async function collectGarbage(
  context: CniContext,
  config: CniConfig,
  exclusively: Exclusively,
): Promise<string> {
  const { validAttachments } = config;
  if (!validAttachments) {
    throw cniError(cniCodes.invalidConfig, 'MNN_CNI_CONFIG', 'GC needs cni.dev/valid-attachments');
  }
  const valid = new Set(validAttachments.map(({ containerID, ifname }) => `${containerID}@${ifname}`));
  const stale = [...context.checkpoint.list()].filter(
    ({ configName, containerId, callIfname }) =>
      configName === config.name && !valid.has(`${containerId}@${callIfname}`),
  );
  const errors: string[] = [];
  for (const entry of stale) {
    try {
      await exclusively(entry.containerId, () => removeEntry(context, entry));
    } catch (error) {
      errors.push(`${entry.containerId} ${entry.ifname}: ${toCniError(error).message}`);
    }
  }
  if (errors.length === 0) return '';
  throw cniError(cniCodes.internal, 'MNN_ATTACH_FAILED', `not everything could be removed: ${errors.join('; ')}`);
}

async function removeEntry({ attacher, detached }: CniContext, entry: CheckpointEntry): Promise<void> {
  await attacher.detach(entry);
  detached(entry);
}
