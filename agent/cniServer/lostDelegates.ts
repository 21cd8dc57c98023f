import type { CniCall } from '../../core/cni/call.ts';
import type { CniConfig } from '../../core/cni/config.ts';
import type { Delegate } from '../../core/delegate/delegate.ts';
import { isInterfaceName, linkName } from '../../core/net/interfaceName.ts';
import { deadline } from '../../kube/api/deadline.ts';
import type { LostAttachment } from '../checkpoint/fileName.ts';
import type { DelegateCall } from '../delegate/delegates.ts';
import { networkDelegates } from '../delegate/networkDelegates.ts';
import { PluginHung } from '../delegate/pluginError.ts';
import type { CniContext } from './context.ts';
import { handedOn } from './handedOn.ts';
import { ready } from './ready.ts';

/** How long networks may take to be read, ms: what is lost is found when an agent starts. */
const readMs = 30_000;

/** A plugin that may have had a part in a link. */
interface LostDelegate {
  readonly delegate: Delegate;
  readonly ifname: string;
}

/**
 * The other plugins of an attachment whose entry could not be read. How it was made follows from its network; how many links it had does not, nor which
 * network that is where an older agent wrote the file and the call is for all of them. So they are called for every NIC of the node, and if need be for
 * every network: a plugin that has nothing of an interface has nothing to remove (CNI 1.1, section 2 "DEL").
 */
export class LostDelegates {
  readonly #context: CniContext;
  readonly #call: Omit<DelegateCall, 'ifname'>;
  readonly #all: readonly LostDelegate[];
  /** Whether it is certain that they are the attachment's. */
  readonly #areCertain: boolean;
  #hasHung = false;

  private constructor(
    context: CniContext,
    call: Omit<DelegateCall, 'ifname'>,
    all: readonly LostDelegate[],
    areCertain: boolean,
  ) {
    this.#context = context;
    this.#call = call;
    this.#all = all;
    this.#areCertain = areCertain;
  }

  /**
   * @param call its namespace is the sandbox's, or ''
   * @throws CniError code 11
   */
  static async find(
    context: CniContext,
    call: CniCall,
    config: CniConfig,
    { containerId, ifname, network }: LostAttachment,
  ): Promise<LostDelegates> {
    using limit = deadline(undefined, readMs, 'CNI DEL');
    await ready(context, limit.signal);
    const { view } = context;
    const name = network ?? (config.chained ? undefined : config.name);
    const names = name === undefined ? view.networkNames() : [name];
    const all = names.flatMap(one => delegatesOf(context, one, ifname));
    const parts = { containerId, netns: call.netns, ...handedOn(call, config.chained) };
    return new LostDelegates(context, parts, all, name !== undefined);
  }

  /**
   * Has those that make interfaces remove them, and before that those that follow undo what they did. What they lack to do so may have been in the entry: a
   * failure is only logged.
   */
  async removeInterfaces(): Promise<void> {
    for (const lost of this.#all.toReversed()) if (lost.delegate.role !== 'ipam') await this.#attempt(lost);
  }

  /** Has IPAM plugins take their addresses back, also those that another plugin should have called. @throws CniError the first failure */
  async releaseAddresses(): Promise<void> {
    const failures: unknown[] = [];
    for (const { delegate, ifname } of this.#all) {
      const { type } = delegate.conf.ipam ?? {};
      // This one keeps nothing.
      if (typeof type !== 'string' || type === 'static') continue;
      const failure = await this.#attempt({ delegate: { ...delegate, role: 'ipam' }, ifname });
      if (failure !== undefined) failures.push(failure);
    }
    if (this.#areCertain && failures.length > 0) throw failures[0];
  }

  async #attempt({ delegate, ifname }: LostDelegate): Promise<unknown> {
    const { delegates, logger } = this.#context;
    try {
      await delegates.del(delegate, { ...this.#call, ifname }, { hasHung: this.#hasHung });
      return undefined;
    } catch (error) {
      this.#hasHung ||= error instanceof PluginHung;
      const { containerId: container } = this.#call;
      logger.warn(
        { container, ifname, err: error },
        'a plugin failed at DEL for an attachment whose file was not whole',
      );
      return error;
    }
  }
}

function delegatesOf({ view, node, logger }: CniContext, network: string, ifname: string): LostDelegate[] {
  const nics = view.host(node)?.spec.interfaces ?? [];
  try {
    const known = view.network(network);
    if (!known) return [];
    return nics.flatMap(({ interfaceName }, i) => {
      const link = linkName(ifname, i);
      const delegates = isInterfaceName(link) ? networkDelegates(known.state.network, interfaceName) : [];
      return delegates.map(delegate => ({ delegate, ifname: link }));
    });
  } catch (error) {
    logger.warn({ network, err: error }, 'no plugins can be called for a network');
    return [];
  }
}
