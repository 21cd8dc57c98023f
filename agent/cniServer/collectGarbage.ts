import type { CniCall } from '../../core/cni/call.ts';
import { type CniConfig, type ValidAttachment, validAttachmentsOf } from '../../core/cni/config.ts';
import { cniCodes, cniError, toCniError } from '../../core/cni/error.ts';
import { linkName } from '../../core/net/interfaceName.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { networkDelegates } from '../delegate/networkDelegates.ts';
import type { CniContext } from './context.ts';
import { removeEntry, removeLost } from './remove.ts';

/**
 * GC (CNI 1.1, section 2): removes every attachment of the network that the runtime does not know, and has the network's plugins
 * do the same, even with what no entry names any more. Errors are collected, and stop nothing else.
 *
 * Chained, the name is the primary network's: its plugins have had their own GC, and ours are not asked, as the runtime's names say nothing of
 * the pod's attachments to our networks where their entries were lost.
 */
export async function collectGarbage(context: CniContext, call: CniCall, config: CniConfig): Promise<string> {
  const validAttachments = validAttachmentsOf(config);
  if (!validAttachments) {
    throw cniError(cniCodes.invalidConfig, 'MNN_CNI_CONFIG', 'GC needs cni.dev/valid-attachments');
  }
  const valid = new Set(validAttachments.map(({ containerID, ifname }) => `${containerID}@${ifname}`));
  const isStale = ({ configName, containerId, callIfname }: CheckpointEntry): boolean =>
    configName === config.name && !valid.has(`${containerId}@${callIfname}`);
  const { checkpoint } = context;
  const { left, errors } = await removeAll(context, [...checkpoint.list()].filter(isStale));
  const validContainers = new Set(validAttachments.map(({ containerID }) => containerID));
  errors.push(...(await removeAllLost(context, call, config, validContainers)));
  if (!config.chained) {
    // What the runtime knows, and what ADDs have made since its list.
    const kept = [...checkpoint.list()].filter(entry => entry.network === config.name && !left.has(entry));
    const links = [...linksOf(kept), ...lostLinks(context, validAttachments)];
    errors.push(...(await collectDelegates(context, call, config.name, links)));
  }
  if (errors.length === 0) return '';
  throw cniError(cniCodes.internal, 'MNN_ATTACH_FAILED', `not everything could be removed: ${errors.join('; ')}`);
}

/** @returns what is left of the entries, and what went wrong */
async function removeAll(
  context: CniContext,
  entries: readonly CheckpointEntry[],
): Promise<{ left: ReadonlySet<CheckpointEntry>; errors: string[] }> {
  const { checkpoint } = context;
  const left = new Set<CheckpointEntry>();
  const errors: string[] = [];
  for (const entry of entries) {
    const error = await attempt(context, entry, async () => {
      if (checkpoint.has(entry)) await removeEntry(context, entry);
    });
    if (error === undefined) continue;
    errors.push(error);
    const failed = checkpoint.get(entry.containerId, entry.ifname);
    if (failed) left.add(failed);
  }
  return { left, errors };
}

/**
 * Attachments to the network whose entries were lost, of containers that the runtime does not know. A file of an older agent, which does not name its
 * network, counts as one of this one.
 * @returns what went wrong
 */
async function removeAllLost(
  context: CniContext,
  call: CniCall,
  config: CniConfig,
  valid: ReadonlySet<string>,
): Promise<string[]> {
  const { checkpoint } = context;
  const errors: string[] = [];
  for (const lost of checkpoint.lost()) {
    const { containerId, network = config.name } = lost;
    if (valid.has(containerId) || (!config.chained && network !== config.name)) continue;
    const error = await attempt(context, lost, async () => {
      if (checkpoint.lost().includes(lost)) await removeLost(context, { ...call, netns: '' }, config, lost);
    });
    if (error !== undefined) errors.push(error);
  }
  return errors;
}

/** Does the work on an attachment while no call for its sandbox is under way. @returns what went wrong */
async function attempt(
  { sandboxes }: CniContext,
  { containerId, ifname }: Pick<CheckpointEntry, 'containerId' | 'ifname'>,
  work: () => Promise<void>,
): Promise<string | undefined> {
  try {
    await sandboxes.run(containerId, work);
    return undefined;
  } catch (error) {
    return `${containerId} ${ifname}: ${toCniError(error).message}`;
  }
}

/**
 * @param links of the network that are to stay
 * @returns what went wrong
 */
async function collectDelegates(
  { view, delegates }: CniContext,
  call: CniCall,
  network: string,
  links: readonly ValidAttachment[],
): Promise<string[]> {
  const known = view.network(network);
  if (!known) return [];
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

/** The runtime knows attachments by the call's interface name; the plugins by those of their links. */
function linksOf(entries: readonly CheckpointEntry[]): ValidAttachment[] {
  return entries.flatMap(({ containerId, links }) =>
    links.map(({ name }) => ({ containerID: containerId, ifname: name })),
  );
}

/** More than any pod has NICs in one attachment. */
const mostLinks = 64;

/**
 * An attachment that the runtime knows but that has no entry (its file was lost) has its links all the same: a plugin that does not hear of them would
 * free the addresses of a running pod. Their number is not known; naming one that does not exist costs nothing.
 */
function lostLinks({ checkpoint }: CniContext, valid: readonly ValidAttachment[]): ValidAttachment[] {
  return valid
    .filter(({ containerID, ifname }) => checkpoint.ofCall(containerID, ifname).length === 0)
    .flatMap(({ containerID, ifname }) =>
      Array.from({ length: mostLinks }, (_, i) => ({ containerID, ifname: linkName(ifname, i) })),
    );
}
