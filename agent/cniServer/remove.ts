import type { CniCall } from '../../core/cni/call.ts';
import { cniCodes, cniError, toCniError } from '../../core/cni/error.ts';
import type { CniConfig, ValidAttachment } from '../../core/cni/config.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { namespaceIdentity } from '../attach/namespaceIdentity.ts';
import { networkDelegates } from '../delegate/networkDelegates.ts';
import { ownNamespace, sameNamespace } from '../netlink/namespace.ts';
import { NetlinkError, type LinkInfo, type Netlink } from '../netlink/netlink.ts';
import type { CniContext } from './context.ts';

/**
 * DEL (CNI 1.1, section 2): takes away what the call's ADD made, as far as it is there. It needs neither the namespace nor the API
 * server; addresses are released afterwards, once the pod is gone.
 */
export async function remove(context: CniContext, call: CniCall): Promise<string> {
  const entries = context.checkpoint.ofCall(call.containerId, call.ifname);
  for (const entry of entries) await removeEntry(context, entry);
  if (entries.length === 0) {
    await removeUnknown(context.netlink, call);
    await context.checkpoint.delete(call); // a file that could not be read
  }
  return '';
}

/** Kinds of links that are made for a pod alone: deleting one takes nothing from the host. */
const podKinds = new Set(['ipvlan', 'macvlan', 'veth']);

/**
 * Without an entry (its file is lost, or the predecessor made the attachment) links are known by their names. What is not there any more,
 * or not a namespace, is nothing to remove.
 */
async function removeUnknown(netlink: Netlink, { netns, ifname }: CniCall): Promise<void> {
  if ((await namespaceIdentity(netns)) === undefined || (await sameNamespace(netns, ownNamespace))) return;
  const prefix = `${ifname}-`;
  const isOurs = ({ name, kind }: LinkInfo): boolean =>
    podKinds.has(kind ?? '') && name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length));
  try {
    const links = (await netlink.one(netns, { op: 'link.list' })).filter(isOurs);
    await netlink.run(
      netns,
      links.map(({ name }) => ({ op: 'link.del' as const, dev: name, ignore: ['ENODEV'] as const })),
    );
  } catch (error) {
    if (!(error instanceof NetlinkError) || !error.namespaceGone) throw error;
  }
}

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

async function removeEntry({ attacher, detached }: CniContext, entry: CheckpointEntry): Promise<void> {
  await attacher.detach(entry);
  detached(entry);
}
