import type { CniCall } from '../../core/cni/call.ts';
import type { CniConfig, ValidAttachment } from '../../core/cni/config.ts';
import { cniCodes, cniError, toCniError } from '../../core/cni/error.ts';
import { networkDelegates } from '../delegate/networkDelegates.ts';
import type { CniContext } from './context.ts';
import { removeEntry } from './remove.ts';

/** CHECK and DEL of one attachment of a sandbox must not meet an ADD of it. */
export type Exclusively = (containerId: string, work: () => Promise<void>) => Promise<void>;

/**
 * GC (CNI 1.1, section 2): takes away every attachment of the network that the runtime does not know, and has the plugins do so that the
 * network is made with. Errors are collected, and do not keep the others.
 */
export async function collectGarbage(
  context: CniContext,
  call: CniCall,
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
  errors.push(...(await collectDelegates(context, call, config.name, validAttachments)));
  if (errors.length === 0) return '';
  throw cniError(cniCodes.internal, 'MNN_ATTACH_FAILED', `not everything could be removed: ${errors.join('; ')}`);
}

/** The runtime knows attachments by the call's interface name; the plugins by those of their links. @returns what went wrong */
async function collectDelegates(
  { view, delegates, checkpoint }: CniContext,
  call: CniCall,
  network: string,
  valid: readonly ValidAttachment[],
): Promise<string[]> {
  const known = view.network(network);
  if (!known) return [];
  const links = valid.flatMap(({ containerID, ifname }) =>
    checkpoint
      .ofCall(containerID, ifname)
      .flatMap(entry => entry.links.map(({ name }) => ({ containerID, ifname: name }))),
  );
  const errors: string[] = [];
  for (const delegate of networkDelegates(known.state.network)) {
    try {
      await delegates.collectGarbage(delegate, call.path, links);
    } catch (error) {
      errors.push(toCniError(error).message);
    }
  }
  return errors;
}
