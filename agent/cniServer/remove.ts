import type { CniCall } from '../../core/cni/call.ts';
import type { CniConfig } from '../../core/cni/config.ts';
import { isInterfaceName, linkName } from '../../core/net/interfaceName.ts';
import { namespaceIdentity } from '../attach/namespaceIdentity.ts';
import { rulesOfLinks } from '../attach/sourceRules.ts';
import { Attempts } from '../base/attempts.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import type { LostAttachment } from '../checkpoint/fileName.ts';
import { ownNamespace, sameNamespace } from '../netlink/namespace.ts';
import { type LinkInfo, NetlinkError } from '../netlink/netlink.ts';
import type { CniContext } from './context.ts';
import { LostDelegates } from './lostDelegates.ts';

/**
 * DEL (CNI 1.1, section 2): removes what the call's ADD made, as far as it is there, in reverse order, and on after a failure: one
 * plugin that cannot be called must not keep other networks' links and addresses from being removed. It needs neither the namespace nor, unless a file was
 * lost, the API server; addresses are released afterwards, once the pod is gone.
 * @throws the first failure
 */
export async function remove(context: CniContext, call: CniCall, config: CniConfig): Promise<string> {
  const { checkpoint } = context;
  const { containerId, ifname } = call;
  const entries = entriesOf(context, call);
  if (entries.length === 0 && !isInterfaceName(ifname)) return '';
  const lost = lostOf(context, call, config);
  // Runtimes call DEL more than once, and by then a path such as /proc/PID/ns/net may lead to another sandbox.
  const inside = checkpoint.ofNamespace(namespaceIdentity(call.netns));
  const netns = inside.some(entry => entry.containerId !== containerId) ? '' : call.netns;
  const attempts = new Attempts();
  for (const one of lost) await attempts.run(() => removeLost(context, { ...call, netns }, config, one));
  if (entries.length === 0) await attempts.run(() => removeUnknown(context, netns, ifname));
  for (const entry of entries.toReversed()) await attempts.run(() => removeEntry(context, entry));
  attempts.throwFirst();
  return '';
}

/**
 * Removes what there may be of an attachment whose entry was lost. Its file says that it was made, so that other plugins are called; it goes last, and
 * only if they have taken their addresses back.
 * @param call its namespace is the sandbox's, or ''
 */
export async function removeLost(
  context: CniContext,
  call: CniCall,
  config: CniConfig,
  lost: LostAttachment,
): Promise<void> {
  const delegates = await LostDelegates.find(context, { ...call, netns: podNamespace(call.netns) }, config, lost);
  await delegates.removeInterfaces();
  await removeUnknown(context, call.netns, lost.ifname);
  await delegates.releaseAddresses();
  await context.checkpoint.deleteLost(lost);
}

/** The path if a network namespace is there that is not the host's own; else ''. */
function podNamespace(netns: string): string {
  return namespaceIdentity(netns) === undefined || sameNamespace(netns, ownNamespace) ? '' : netns;
}

/** Those that the call is for: chained, the sandbox's. */
function lostOf(
  { checkpoint }: CniContext,
  { containerId, ifname }: CniCall,
  { chained }: CniConfig,
): LostAttachment[] {
  return checkpoint.lost().filter(lost => lost.containerId === containerId && (chained || lost.ifname === ifname));
}

/** A pod that was attached before Multus came has one call's entries, and Multus calls for each of its networks. */
function entriesOf({ checkpoint }: CniContext, { containerId, ifname }: CniCall): CheckpointEntry[] {
  const entries = checkpoint.ofCall(containerId, ifname);
  const other = checkpoint.get(containerId, ifname);
  return entries.length === 0 && other ? [other] : entries;
}

/** Kinds of links that are made for a pod alone: deleting one takes nothing from the host. */
const podKinds = new Set(['ipvlan', 'macvlan', 'veth']);

/**
 * Without an entry (its file was lost) the links are known by what only this agent makes: a first one that has the attachment's name, mostly as an
 * alternative, and those of its kind that are numbered after it; their rules by their tables.
 */
async function removeUnknown({ netlink }: CniContext, path: string, ifname: string): Promise<void> {
  const netns = podNamespace(path);
  if (netns === '') return;
  try {
    const [links, rules] = await netlink.run(netns, [{ op: 'link.list' }, { op: 'rule.list' }]);
    const ours = numberedLinks(links, ifname);
    await netlink.run(netns, [
      ...rulesOfLinks(rules, ours),
      ...ours.map(dev => ({ op: 'link.del' as const, dev, ignore: ['ENODEV'] as const })),
    ]);
  } catch (error) {
    if (!(error instanceof NetlinkError) || !error.namespaceGone) throw error;
  }
}

function numberedLinks(links: readonly LinkInfo[], ifname: string): string[] {
  const first = links.find(
    ({ name, altNames }) => name === linkName(ifname, 0) && (name === ifname || altNames.includes(ifname)),
  );
  if (!first || !podKinds.has(first.kind ?? '')) return [];
  const numbered = new Set(links.map((_, i) => linkName(ifname, i)));
  return links.filter(({ name, kind }) => kind === first.kind && numbered.has(name)).map(({ name }) => name);
}

/** Removes one attachment, and has its addresses released, unless an interface may still have them. */
export async function removeEntry({ attacher, detached }: CniContext, entry: CheckpointEntry): Promise<void> {
  try {
    await attacher.detach(entry);
  } finally {
    detached(entry);
  }
}
