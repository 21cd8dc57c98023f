import { isDeepStrictEqual } from 'node:util';
import type { MultiNicNetworkSpec } from '../core/api/types.ts';
import type { Member } from '../core/layout/members.ts';
import { candidatesOf } from '../core/selection/candidates.ts';
import type { ClusterView, KnownNetwork } from './clusterView.ts';

/** Hosts whose NICs in one network are alike in all that choosing looks at. */
export interface HostProfile {
  members: readonly Member[];
  hosts: ReadonlySet<string>;
}

interface Profile extends HostProfile {
  hosts: Set<string>;
}

/** The profiles of one version of a network. */
interface Profiles {
  spec: MultiNicNetworkSpec;
  byKey: Map<string, Profile>;
  keys: Map<string, string>;
  /** Hosts that are another since they were last looked at. */
  changed: Set<string>;
}

/**
 * Hosts by what they have of a network. Clusters of thousands of nodes have a few kinds of them: whether any node can serve a pod is
 * asked once a kind. A host that changes is looked at again when somebody asks, and no other with it.
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

  /** The kinds of hosts that there are for the network; one whose hosts have no NIC in it is among them. */
  of({ object, state: { network } }: KnownNetwork): Iterable<HostProfile> {
    let profiles = this.#networks.get(network.name);
    if (!profiles || !isDeepStrictEqual(profiles.spec, object.spec)) {
      for (const name of this.#networks.keys()) if (!this.#view.exists(name)) this.#networks.delete(name);
      const changed = new Set([...this.#view.hosts()].map(({ metadata }) => metadata.name));
      profiles = { spec: object.spec, byKey: new Map(), keys: new Map(), changed };
      this.#networks.set(network.name, profiles);
    }
    const { byKey, keys, changed } = profiles;
    for (const name of changed) {
      leave(profiles, name);
      const host = this.#view.host(name);
      if (!host) continue;
      const members = candidatesOf(network, host.spec);
      const key = keyOf(members);
      const profile = byKey.get(key) ?? { members, hosts: new Set() };
      byKey.set(key, profile);
      profile.hosts.add(name);
      keys.set(name, key);
    }
    changed.clear();
    return byKey.values();
  }
}

function leave({ byKey, keys }: Profiles, host: string): void {
  const key = keys.get(host);
  const profile = key === undefined ? undefined : byKey.get(key);
  if (key === undefined || !profile) return;
  keys.delete(host);
  profile.hosts.delete(host);
  if (profile.hosts.size === 0) byKey.delete(key);
}

/** What choosing looks at, in the network's order. Subnets are not among it: they may be a rack's own. */
function keyOf(members: readonly Member[]): string {
  return JSON.stringify(
    members.map(({ nic }) => [nic.interfaceName, nic.linkState, nic.speedMbps, nic.numaNode, nic.vendor, nic.product]),
  );
}
