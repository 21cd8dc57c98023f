import {
  type CheckpointDelegate,
  type CheckpointEntry,
  type CheckpointLink,
  lastPrinted,
} from '../checkpoint/entry.ts';
import type { DelegateCall } from '../delegate/delegates.ts';
import { hasWords, PluginHung, saysTheSame } from '../delegate/pluginError.ts';
import type { AttachTools } from './attachTools.ts';
import { undoNaming } from './nicNames.ts';

interface Removing {
  /** '' if the pod's namespace is gone. */
  readonly netns: string;
  /** The error that has just kept the attachment from being made. */
  readonly failedAdd: unknown;
}

/** Has the delegates of one attachment remove what they made. */
export class DelegateRemoval {
  /** The links whose delegate failed, and has to be called again, in their order. */
  readonly left: CheckpointLink[] = [];
  readonly #tools: Pick<AttachTools, 'netlink' | 'delegates' | 'logger'>;
  readonly #entry: CheckpointEntry;
  readonly #netns: string;
  readonly #failedAdd: unknown;
  #last: unknown;

  constructor(
    tools: Pick<AttachTools, 'netlink' | 'delegates' | 'logger'>,
    entry: CheckpointEntry,
    { netns, failedAdd }: Removing,
  ) {
    this.#tools = tools;
    this.#entry = entry;
    this.#netns = netns;
    this.#failedAdd = failedAdd;
    this.#last = failedAdd;
  }

  /**
   * Has a plugin that followed undo what it did to the interface. A failure keeps nobody from ending for ever: the runtime calls DEL again, and what is
   * gone by then with the interface needs no undoing. Nor does what it never did, as its ADD failed or did not come to an end: some take that for an error.
   * @throws CniError of the plugin
   */
  async undo(link: CheckpointLink, chained: CheckpointDelegate): Promise<void> {
    const { delegates, logger } = this.#tools;
    const { name } = link;
    try {
      if (this.#netns !== '') await undoNaming(this.#tools.netlink, this.#netns, link, this.#entry.ifname);
      const last = { printed: lastPrinted(link), hasHung: this.#last instanceof PluginHung };
      await delegates.del(chained, this.#callOf(link), last);
    } catch (error) {
      this.#last = error;
      const isDone = (chained.printed === undefined && hasWords(error)) || !(await this.#isThere(name));
      if (!isDone) throw error;
      const { containerId: container } = this.#entry;
      logger.warn({ container, ifname: name, err: error }, 'a plugin failed at DEL with nothing left for it to undo');
    }
  }

  async #isThere(dev: string): Promise<boolean> {
    if (this.#netns === '') return false;
    return (await this.#tools.netlink.one(this.#netns, { op: 'link.get', dev, ignore: ['ENODEV'] })) !== null;
  }

  /** The last link first. @throws CniError of the delegate, NetlinkError */
  async remove(link: CheckpointLink): Promise<void> {
    try {
      await this.#callDel(link);
    } catch (error) {
      this.#last = error;
      if (!link.delegate?.printed && saysTheSame(this.#failedAdd, error)) return this.#deleteRefused(link);
      this.left.unshift(link);
      throw error;
    }
  }

  async #callDel(link: CheckpointLink): Promise<void> {
    const { delegates, netlink } = this.#tools;
    const { delegate } = link;
    if (this.#netns !== '') await undoNaming(netlink, this.#netns, link, this.#entry.ifname);
    if (!delegate || (await this.#nothingMoved(link, delegate))) return;
    const last = { printed: delegate.printed, hasHung: this.#last instanceof PluginHung };
    await delegates.del(delegate, this.#callOf(link), last);
  }

  #callOf({ name }: CheckpointLink): DelegateCall {
    const { containerId, call = { args: '', path: '' } } = this.#entry;
    return { containerId, netns: this.#netns, ifname: name, ...call };
  }

  /**
   * A plugin that fails at DEL with the words of its failed ADD is not installed, rejects its configuration, or lacks its daemon: it has nothing to
   * undo, except for a link that some leave behind. If the entry were kept, it would fail for ever, and the pod could not end.
   */
  async #deleteRefused({ name: dev, moves }: CheckpointLink): Promise<void> {
    if (this.#netns === '' || moves) return;
    await this.#tools.netlink.one(this.#netns, { op: 'link.del', dev, ignore: ['ENODEV', 'EOPNOTSUPP'] });
  }

  /**
   * A host-device plugin may fail if the pod has no such interface, as it never got there or went back already. Then nothing is left to
   * do, unless an IPAM plugin that keeps records was called, too.
   */
  async #nothingMoved({ name, moves }: CheckpointLink, { conf }: CheckpointDelegate): Promise<boolean> {
    const { type } = conf.ipam ?? {};
    const isHostDevice = moves !== undefined && conf.type === 'host-device';
    if (!isHostDevice || this.#netns === '' || (type !== undefined && type !== 'static')) return false;
    return !(await this.#isThere(name));
  }
}
