import { covers, linkLocal, parseCidr } from '../../core/net/cidr.ts';
import type { MonitorEvent } from '../netlink/monitor.ts';
import type { LinkInfo } from '../netlink/types.ts';
import { isOnLink, type LinkDump, linksWithAddress, mayBeNic } from './hostNics.ts';

/**
 * Which of the kernel's events may change what a host's NICs are. A host may have thousands of links, most of them pods' on their primary network, which
 * come and go all the time: reading all of them each time would keep CNI calls waiting.
 */
export class NicEvents {
  /** Indexes of links whose own changes count, as of the last reading; undefined before it. */
  #links: ReadonlySet<number> | undefined;
  /** Indexes of devices' own links, as of the last reading. */
  #devices: ReadonlySet<number> = new Set();
  /** Indexes of links whose changes were found not to count since the last reading began. */
  #passedOver = new Set<number>();

  /** To be called before each reading. */
  begin(): void {
    this.#passedOver = new Set();
  }

  /**
   * A link without an address is no NIC until it gets one, which is an event of its own. A VLAN has its parent's device, a bond its ports' speed.
   * @returns whether one that counts now has changed since the reading began, and was passed over: it may not have been read as it is
   */
  haveRead({ links, addresses }: LinkDump): boolean {
    const names = linksWithAddress({ links, addresses });
    const candidates = links.filter(link => mayBeNic(link) && names.has(link.name));
    const own = new Set(candidates.flatMap(({ index, parentIndex }) => [index, parentIndex ?? index]));
    const ports = links.filter(({ master }) => master !== null && own.has(master)).map(({ index }) => index);
    const counting = own.union(new Set(ports));
    this.#links = counting;
    this.#devices = new Set(links.filter(isDevice).map(({ index }) => index));
    return !counting.isDisjointFrom(this.#passedOver);
  }

  /** Default routes, which show the primary network's link, and routes to subnets on a link matter; other routes and rules do not. */
  isConcernedBy(event: MonitorEvent): boolean {
    switch (event.type) {
      case 'link':
        return this.#isConcernedByLink(event);
      case 'address':
        return event.address.scope === 'global';
      case 'route':
        return isDefault(event.route.dst) || (isOnLink(event.route) && !isLinkLocal(event.route.dst));
      case 'rule':
        return false;
      case 'resync':
        return true;
    }
  }

  #isConcernedByLink({ action, link }: Extract<MonitorEvent, { type: 'link' }>): boolean {
    const { index, master } = link;
    if (!this.#links || this.#links.has(index) || (master !== null && this.#links.has(master))) return true;
    // Virtual functions are counted on their NIC, of which nothing is told.
    if (isDevice(link) && (action === 'del' || !this.#devices.has(index))) return true;
    this.#passedOver.add(index);
    return false;
  }
}

/** Whether a link is a device's, as a virtual function's is. Those that pods get on a primary network are made, and have a kind. */
function isDevice({ kind, loopback }: LinkInfo): boolean {
  return kind === null && !loopback;
}

function isDefault(dst: string): boolean {
  return dst === '0.0.0.0/0' || dst === '::/0';
}

/** Every link that comes up has such a route. */
function isLinkLocal(dst: string): boolean {
  return covers(linkLocal, parseCidr(dst));
}
