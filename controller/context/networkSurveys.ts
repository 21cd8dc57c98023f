import type { HostInterface } from '../../core/api/types.ts';
import { type Member, membersKey, membersOf } from '../../core/layout/members.ts';
import type { Network } from '../../core/network/network.ts';
import { type Survey, surveyHosts } from '../../core/status/survey.ts';

/**
 * What the hosts have of each network. Which NICs of a host are members is remembered with the host's object, so a new survey of thousands
 * of hosts, after one of them has changed, is cheap.
 */
export class NetworkSurveys {
  readonly #hosts: () => Iterable<HostInterface>;
  /** By object (an informer's objects never change), then by the network's masterNets. */
  readonly #members = new WeakMap<HostInterface, Map<string, readonly Member[]>>();

  constructor(hosts: () => Iterable<HostInterface>) {
    this.#hosts = hosts;
  }

  survey(network: Network): Survey {
    const key = membersKey(network);
    return surveyHosts(network, this.#hosts(), host => this.#membersOf(network, host, key));
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
