import type { HostInterfaceSpec } from '../../core/api/types.ts';
import { type Membership, membersKey, membersOf } from '../../core/layout/members.ts';
import type { IpAddress } from '../../core/net/address.ts';
import { AddressIndex } from '../../core/net/addressIndex.ts';

/** What HostAddresses needs of the view. */
export interface HostDirectory {
  names(): Iterable<string>;
  find(name: string): HostInterfaceSpec | undefined;
}

/** Of the networks with the same masterNets. */
interface Known {
  index: AddressIndex;
  byHost: Map<string, readonly IpAddress[]>;
  /** Hosts that have changed since they were last looked at. */
  changed: Set<string>;
}

/**
 * The hosts' own addresses on the NICs of networks without a pod subnet, which pods never get. Only hosts that have changed are looked at
 * again, when somebody asks: there may be forty thousand addresses, and thousands of hosts that change one after another.
 */
export class HostAddresses {
  readonly #hosts: HostDirectory;
  readonly #known = new Map<string, Known>();

  constructor(hosts: HostDirectory) {
    this.#hosts = hosts;
  }

  of(network: Membership): AddressIndex {
    const key = membersKey(network);
    const known: Known = this.#known.get(key) ?? {
      index: new AddressIndex(),
      byHost: new Map(),
      changed: new Set(this.#hosts.names()),
    };
    this.#known.set(key, known);
    const { index, byHost, changed } = known;
    for (const name of changed) {
      for (const address of byHost.get(name) ?? []) index.remove(address);
      const host = this.#hosts.find(name);
      const addresses = host ? addressesOf(network, host) : [];
      for (const address of addresses) index.add(address);
      if (host) byHost.set(name, addresses);
      else byHost.delete(name);
    }
    changed.clear();
    return index;
  }

  hostChanged(name: string): void {
    for (const { changed } of this.#known.values()) changed.add(name);
  }

  /** Networks, or the NICs that they select, have changed: what nobody asks for any more is not kept. */
  networksChanged(): void {
    this.#known.clear();
  }
}

function addressesOf(network: Membership, host: HostInterfaceSpec): IpAddress[] {
  return membersOf(network, host).flatMap(member => member.hostAddresses.flatMap(({ address }) => address ?? []));
}
