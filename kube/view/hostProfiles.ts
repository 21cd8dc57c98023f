import { isDeepStrictEqual } from 'node:util';
import type { MultiNicNetworkSpec } from '../../core/api/types.ts';
import type { Member } from '../../core/layout/members.ts';
import type { Network } from '../../core/network/network.ts';
import { candidatesOf } from '../../core/selection/candidates.ts';
import type { ClusterView, KnownNetwork } from './clusterView.ts';

/** Hosts whose NICs in one network are alike in everything that matters to the choice of NICs. */
export interface HostProfile {
  readonly members: readonly Member[];
  readonly hosts: ReadonlySet<string>;
}

interface Profile extends HostProfile {
  readonly key: string;
  readonly hosts: Set<string>;
}

/** The profiles of one version of a network. */
interface Profiles {
  readonly network: Network;
  readonly spec: MultiNicNetworkSpec;
  readonly byKey: Map<string, Profile>;
  readonly ofHost: Map<string, Profile>;
  /** Hosts that have changed since they were last looked at. */
  readonly changed: Set<string>;
}

/**
 * Hosts grouped by what they have of a network. Clusters of thousands of nodes have a few kinds of them, so whether any node can serve a
 * pod is asked once per kind. Only a host that has changed is looked at again, at the latest when somebody asks.
 */
export class HostProfiles {
  readonly #view: ClusterView;
  readonly #networks = new Map<string, Profiles>();

  constructor(view: ClusterView) {
    this.#view = view;
    view.addHostListener(host => {
      for (const { changed } of this.#networks.values()) changed.add(host);
    });
  }

  /** The kinds of hosts with regard to the network, including the one without any NIC in it. */
  of(known: KnownNetwork): Iterable<HostProfile> {
    const profiles = this.#profilesOf(known);
    this.#look(profiles, Infinity);
    return profiles.byKey.values();
  }

  /** Does a part of of()'s work in advance. @param most hosts to look at, at most. @returns whether any are left */
  prepare(known: KnownNetwork, most: number): boolean {
    const profiles = this.#profilesOf(known);
    this.#look(profiles, most);
    return profiles.changed.size > 0;
  }

  #profilesOf({ object: { spec }, state: { network } }: KnownNetwork): Profiles {
    const existing = this.#networks.get(network.name);
    if (existing && isDeepStrictEqual(existing.spec, spec)) return existing;
    for (const name of this.#networks.keys()) if (!this.#view.exists(name)) this.#networks.delete(name);
    const changed = new Set(Array.from(this.#view.hosts(), ({ metadata }) => metadata.name));
    const profiles = { network, spec, byKey: new Map(), ofHost: new Map(), changed };
    this.#networks.set(network.name, profiles);
    return profiles;
  }

  #look({ network, byKey, ofHost, changed }: Profiles, most: number): void {
    let left = most;
    for (const name of changed) {
      if (left-- <= 0) return;
      changed.delete(name);
      const before = ofHost.get(name);
      if (before) leave(before, name, byKey);
      ofHost.delete(name);
      const host = this.#view.host(name);
      if (!host) continue;
      const members = candidatesOf(network, host.spec);
      const key = keyOf(network, members);
      const profile = byKey.get(key) ?? { key, members, hosts: new Set() };
      byKey.set(key, profile);
      profile.hosts.add(name);
      ofHost.set(name, profile);
    }
  }
}

function leave({ key, hosts }: Profile, host: string, byKey: Map<string, Profile>): void {
  hosts.delete(host);
  if (hosts.size === 0) byKey.delete(key);
}

/**
 * What matters to the choice, in the network's order. Subnets, of which each rack may have its own, matter only where addresses are chosen before
 * the node is.
 */
function keyOf({ nodeIndependent }: Network, members: readonly Member[]): string {
  return JSON.stringify(
    members.map(({ nic, netAddress, ordinal }) => {
      const { interfaceName, altNames, linkState, speedMbps, numaNode, vendor, product } = nic;
      const place = nodeIndependent ? [netAddress, ordinal] : [];
      return [interfaceName, altNames, linkState, speedMbps, numaNode, vendor, product, ...place];
    }),
  );
}
