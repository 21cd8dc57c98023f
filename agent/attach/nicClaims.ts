import { nicConflict, type NicUse } from '../../core/network/nicUse.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { useOf } from '../delegate/plugin.ts';
import { type Netlink, NetlinkError } from '../netlink/netlink.ts';
import type { Attachment } from './attachment.ts';
import { namespaceIdentity } from './namespaceIdentity.ts';

/**
 * Keeps links that exclude each other off one NIC. The kernel itself refuses ipvlan beside macvlan, but not ipvlan in another mode:
 * it would change the mode of all ipvlan links on the NIC, which running pods use. Only this agent's attachments are known.
 */
export class NicClaims {
  readonly #netlink: Netlink;
  readonly #checkpoint: Checkpoint;
  /** Attachments that are being made, and will be in the checkpoint a moment later. */
  readonly #claims = new Set<Attachment>();

  constructor(netlink: Netlink, checkpoint: Checkpoint) {
    this.#netlink = netlink;
    this.#checkpoint = checkpoint;
  }

  /**
   * Claims the NICs of an attachment until `release`; of simultaneous calls that exclude each other at most one succeeds.
   * @returns why the attachment cannot have its NICs, in words; then it has no claim
   */
  async claim(attachment: Attachment): Promise<string | undefined> {
    const use = useOf(attachment.plugin);
    if (!use) return undefined;
    for (const other of this.#claims) {
      const conflict = conflictOf(attachment, use, ofAttachment(other));
      if (conflict !== undefined) return conflict;
    }
    this.#claims.add(attachment);
    const conflict = await this.#held(attachment, use);
    if (conflict !== undefined) this.release(attachment);
    return conflict;
  }

  release(attachment: Attachment): void {
    this.#claims.delete(attachment);
  }

  async #held(attachment: Attachment, use: NicUse): Promise<string | undefined> {
    const excludes = (entry: CheckpointEntry): boolean => !!entry.use && nicConflict(use, entry.use) !== undefined;
    const rivals = [...this.#checkpoint.list()].filter(excludes);
    if (rivals.length === 0) return undefined;
    const names = await this.#namesByIndex(attachment);
    for (const entry of rivals) {
      const conflict = conflictOf(attachment, use, ofEntry(entry, names));
      if (conflict !== undefined && (await this.#exists(entry))) return conflict;
    }
    return undefined;
  }

  /** Of the NICs that the attachment wants. */
  async #namesByIndex({ nics }: Attachment): Promise<ReadonlyMap<number, string>> {
    const wanted = nics.map(({ master }) => ({ op: 'link.get', dev: master, ignore: ['ENODEV'] }) as const);
    const links = await this.#netlink.run(null, wanted);
    return new Map(links.flatMap((link, i) => (link ? [[link.index, nics[i]?.master ?? '']] : [])));
  }

  /** Whether any link of the entry exists: after a crash it may not have been made yet, after a reboot its namespace is gone. */
  async #exists({ netns, netnsId, links }: CheckpointEntry): Promise<boolean> {
    if (namespaceIdentity(netns) !== netnsId) return false;
    try {
      const found = await this.#netlink.one(netns, { op: 'link.list' });
      return links.some(({ name }) => found.some(link => link.name === name));
    } catch (error) {
      if (error instanceof NetlinkError && error.namespaceGone) return false;
      throw error;
    }
  }
}

/** Who uses which of the host's NICs, and how. */
interface Holder {
  readonly network: string;
  readonly pod: { readonly namespace: string; readonly name: string };
  readonly use: NicUse | undefined;
  readonly masters: readonly string[];
}

function ofAttachment({ network, pod, plugin, nics }: Attachment): Holder {
  return { network, pod, use: useOf(plugin), masters: nics.map(({ master }) => master) };
}

/** @param names of NICs as they are now, by index */
function ofEntry({ network, pod, use, links }: CheckpointEntry, names: ReadonlyMap<number, string>): Holder {
  const masters = links.flatMap(
    ({ master, masterIndex }) => (masterIndex === undefined ? master : names.get(masterIndex)) ?? [],
  );
  return { network, pod, use, masters };
}

function conflictOf({ network, nics }: Attachment, use: NicUse, holder: Holder): string | undefined {
  const why = holder.use && nicConflict(use, holder.use);
  const shared = nics.find(({ master }) => holder.masters.includes(master));
  if (!holder.use || why === undefined || !shared) return undefined;
  const { kind, mode } = holder.use;
  const whose = `pod ${holder.pod.namespace}/${holder.pod.name}`;
  return `network ${network} wants ${use.kind} ${use.mode} on ${shared.master}, which has ${kind} ${mode} of network ${holder.network} (${whose}): ${why}`;
}
