import { covers, linkLocal, parseCidr } from '../../core/net/cidr.ts';
import type { MonitorEvent } from '../netlink/monitor.ts';
import { isOnLink, type LinkDump, linksWithAddress, mayBeNic } from './hostNics.ts';

/**
 * Which of the kernel's events may change what a host's NICs are. A host may have thousands of links, most of them pods' on their primary network, which
 * come and go all the time: reading all of them each time would keep CNI calls waiting.
 */
export class NicEvents {
  /** Indexes of links whose own changes count, as of the last reading; undefined before it. */
  #links: ReadonlySet<number> | undefined;

  /** A link without an address is no NIC until it gets one, which is an event of its own. A VLAN has its parent's device. */
  haveRead({ links, addresses }: LinkDump): void {
    const names = linksWithAddress({ links, addresses });
    const candidates = links.filter(link => mayBeNic(link) && names.has(link.name));
    this.#links = new Set(candidates.flatMap(({ index, parentIndex }) => [index, parentIndex ?? index]));
  }

  /** Default routes, which show the primary network's link, and routes to subnets on a link matter; other routes and rules do not. */
  isConcernedBy(event: MonitorEvent): boolean {
    switch (event.type) {
      case 'link':
        return this.#links?.has(event.link.index) ?? true;
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
}

function isDefault(dst: string): boolean {
  return dst === '0.0.0.0/0' || dst === '::/0';
}

/** Every link that comes up has such a route. */
function isLinkLocal(dst: string): boolean {
  return covers(linkLocal, parseCidr(dst));
}
