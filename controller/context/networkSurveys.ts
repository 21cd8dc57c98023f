import type { HostInterface } from '../../core/api/types.ts';
import { type Member, membersKey, membersOf } from '../../core/layout/members.ts';
import type { Network } from '../../core/network/network.ts';
import { type Survey, surveyHosts } from '../../core/status/survey.ts';

/**
 * What the hosts have of each network. Which NICs of a host are members is remembered with the host's object, so a new survey of thousands
 * of hosts, after one of them has changed, is cheap. Until then networks that select the same NICs share one survey: a change of one host has
 * every network looked at, of which there may be hundreds.
 */
export class NetworkSurveys {
  readonly #hosts: () => Iterable<HostInterface>;
  /** By object (an informer's objects never change), then by the network's masterNets. */
  readonly #members = new WeakMap<HostInterface, Map<string, readonly Member[]>>();
  /** The hosts that these surveys are of. */
  #surveyed: readonly HostInterface[] = [];
  /** By the network's masterNets. */
  readonly #surveys = new Map<string, Survey>();

  constructor(hosts: () => Iterable<HostInterface>) {
    this.#hosts = hosts;
  }

  survey(network: Network): Survey {
    const hosts = [...this.#hosts()];
    if (hosts.length !== this.#surveyed.length || hosts.some((host, i) => host !== this.#surveyed[i])) {
      this.#surveyed = hosts;
      this.#surveys.clear();
    }
    const key = membersKey(network);
    const known = this.#surveys.get(key);
    if (known) return known;
    const survey = surveyHosts(network, hosts, host => this.#membersOf(network, host, key));
    this.#surveys.set(key, survey);
    return survey;
  }

  members(network: Network, host: HostInterface): readonly Member[] {
    return this.#membersOf(network, host, membersKey(network));
  }

  #membersOf(network: Network, host: HostInterface, key: string): readonly Member[] {
    let byKey = this.#members.get(host);
    if (!byKey) this.#members.set(host, (byKey = new Map<string, readonly Member[]>()));
    let members = byKey.get(key);
    if (!members) byKey.set(key, (members = membersOf(network, host.spec)));
    return members;
  }
}
