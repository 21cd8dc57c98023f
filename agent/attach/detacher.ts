import { randomInt } from 'node:crypto';
import type { Logger } from 'pino';
import type { OnStep } from '../base/steps.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointDelegate, CheckpointEntry, CheckpointLink } from '../checkpoint/entry.ts';
import type { DelegateCall, Delegates } from '../delegate/delegates.ts';
import { PluginHung, saysTheSame } from '../delegate/pluginError.ts';
import { type ChangeOp, type Netlink, NetlinkError, type NetnsPath } from '../netlink/netlink.ts';
import { bringBack } from './movedNics.ts';
import { namespaceIdentity } from './namespaceIdentity.ts';
import { undoNaming } from './nicNames.ts';
import { removeRuleOps } from './sourceRules.ts';

/** What making and removing attachments takes. */
export interface AttachTools {
  readonly netlink: Netlink;
  readonly checkpoint: Checkpoint;
  readonly delegates: Delegates;
  /** Where sysfs is mounted. */
  readonly sysfs: string;
  readonly logger: Logger;
  readonly onStep: OnStep;
}

/** Removes attachments: everything that an entry names, as far as it is there. */
export class Detacher {
  readonly #options: AttachTools;

  constructor(options: AttachTools) {
    this.#options = options;
  }

  /**
   * In reverse order, and on after a failure: one plugin that cannot be called must not keep the rest from being removed. The entry goes last,
   * and only if nothing is left; without the pod's namespace it remains for the calls of plugins that failed, and holds no addresses any more.
   * @param failedAdd the error that has just kept the attachment from being made
   * @throws the first failure
   */
  async detach(entry: CheckpointEntry, failedAdd?: unknown): Promise<void> {
    const { checkpoint, onStep } = this.#options;
    // The path may lead to another sandbox's namespace by now (a reused process id), where nothing is ours.
    const isThere = namespaceIdentity(entry.netns) === entry.netnsId;
    const netns = isThere ? entry.netns : '';
    const failures: unknown[] = [];
    const uncalled: CheckpointLink[] = [];
    const attempt = async (work: () => Promise<void>, step: Parameters<OnStep>[0]): Promise<void> => {
      try {
        await work();
      } catch (error) {
        failures.push(error);
      }
      onStep(step);
    };
    let last = failedAdd;
    const callDel = async (link: CheckpointLink): Promise<void> => {
      try {
        await this.#callDel(entry, link, netns, last instanceof PluginHung);
      } catch (error) {
        last = error;
        if (!link.delegate?.printed && saysTheSame(failedAdd, error)) return this.#deleteRefused(link, netns);
        uncalled.unshift(link);
        throw error;
      }
    };
    for (const link of entry.links.toReversed()) {
      if (link.delegate?.role === 'plugin') await attempt(() => callDel(link), 'del.delegate');
    }
    // Deleting either end of a ptp link deletes both. Deletions in pods' namespaces run side by side, those in the host's one after another.
    if (isThere) await attempt(() => this.#deleteInPod(entry), 'del.pod');
    await attempt(() => this.#deleteOnHost(entry), 'del.host');
    for (const link of entry.links.toReversed()) {
      if (link.delegate?.role === 'ipam') await attempt(() => callDel(link), 'del.ipam');
    }
    if (entry.links.some(({ moves }) => moves))
      await attempt(() => bringBack(this.#options, entry, isThere), 'del.moved');
    if (failures.length > 0) {
      if (!isThere && failures.length === uncalled.length) await checkpoint.put(withoutAddresses(entry, uncalled));
      throw failures[0];
    }
    await checkpoint.delete(entry);
    onStep('del.forgotten');
  }

  async #callDel(entry: CheckpointEntry, link: CheckpointLink, netns: string, hasHung: boolean): Promise<void> {
    const { delegates, netlink } = this.#options;
    const { delegate } = link;
    if (netns !== '') await undoNaming(netlink, netns, link, entry.ifname);
    if (!delegate || (await this.#nothingMoved(link, delegate, netns))) return;
    await delegates.del(delegate, callOf(entry, link, netns), delegate.printed, hasHung);
  }

  /**
   * A plugin that fails at DEL with the words of its failed ADD is not installed, rejects its configuration, or lacks its daemon: it has nothing to
   * undo, except for a link that some leave behind. If the entry were kept, it would fail for ever, and the pod could not end.
   */
  async #deleteRefused({ name: dev, moves }: CheckpointLink, netns: string): Promise<void> {
    if (netns === '' || moves) return;
    await this.#options.netlink.one(netns, { op: 'link.del', dev, ignore: ['ENODEV', 'EOPNOTSUPP'] });
  }

  /**
   * A host-device plugin may fail if the pod has no such interface, as it never got there or went back already. Then nothing is left to
   * do, unless an IPAM plugin that keeps records was called, too.
   */
  async #nothingMoved({ name, moves }: CheckpointLink, { conf }: CheckpointDelegate, netns: string): Promise<boolean> {
    const { type } = conf.ipam;
    const isHostDevice = moves !== undefined && conf.type === 'host-device';
    if (!isHostDevice || netns === '' || (type !== undefined && type !== 'static')) return false;
    return (await this.#options.netlink.one(netns, { op: 'link.get', dev: name, ignore: ['ENODEV'] })) === null;
  }

  async #deleteOnHost({ links }: CheckpointEntry): Promise<void> {
    const hostEnds = links.flatMap(link => link.hostEnd ?? []);
    await removeLinks(this.#options.netlink, null, hostEnds);
  }

  async #deleteInPod({ netns, links }: CheckpointEntry): Promise<void> {
    const own = links.filter(({ delegate }) => delegate?.role !== 'plugin').map(({ name }) => name);
    const rules = removeRuleOps(links.flatMap(link => link.rules ?? []));
    try {
      await removeLinks(this.#options.netlink, netns, own, rules);
    } catch (error) {
      if (!(error instanceof NetlinkError) || !error.namespaceGone) throw error;
    }
  }
}

/** What is left of an entry whose links and addresses are gone: plugins that have to be called for these links. */
function withoutAddresses(entry: CheckpointEntry, links: readonly CheckpointLink[]): CheckpointEntry {
  const left: CheckpointEntry = {
    ...entry,
    links: links.map(({ name, master, delegate }) => ({
      name,
      ...(master !== undefined && { master }),
      addresses: [],
      routes: [],
      ...(delegate && { delegate }),
    })),
  };
  delete left.pool;
  return left;
}

function callOf({ containerId, call }: CheckpointEntry, { name }: CheckpointLink, netns: string): DelegateCall {
  return { containerId, netns, ifname: name, args: call?.args ?? '', path: call?.path ?? '' };
}

/**
 * Removes links, as far as they are there. As a group (IFLA_GROUP), whose number nobody can know who might put other links into it, the kernel waits
 * once for all of them. A group stays whole if one of it cannot be removed: a pod may have given the name of ours to its loopback.
 */
async function removeLinks(
  netlink: Netlink,
  netns: NetnsPath | null,
  names: readonly string[],
  before: readonly ChangeOp[] = [],
): Promise<void> {
  const group = randomInt(2 ** 16, 2 ** 31);
  const ignore = ['ENODEV', 'EOPNOTSUPP'] as const;
  const grouped = names.map((dev): ChangeOp => ({ op: 'link.set', dev, group, ignore: ['ENODEV'] }));
  const removal: ChangeOp[] = names.length === 0 ? [] : [...grouped, { op: 'link.delGroup', group, ignore }];
  const last = (await netlink.run(netns, [...before, ...removal])).at(-1);
  if (last?.done !== false || last.failure.code !== 'EOPNOTSUPP') return;
  const each = names.map((dev): ChangeOp => ({ op: 'link.del', dev, ignore }));
  await netlink.run(netns, each);
}
