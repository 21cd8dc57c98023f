import { tryParseAddress } from '../net/address.ts';
import type { AuditedNetwork, AuditedPod, AuditFinding } from './types.ts';
import { podName, usedAddresses } from './view.ts';

/** The largest prime below 2^52: an address above 32 bits is kept by its remainder, which two addresses hardly ever share. */
const modulus = 4_503_599_627_370_449n;

/** Who uses which address, for pods that are seen in parts; a number an address, as there may be millions. */
export class AddressUsers {
  readonly #pods: { uid: string; name: string }[] = [];
  /** Address → index of its first user; hardware addresses by network and subnet. */
  readonly #users = new Map<string, Map<number, number>>();

  /** @returns a suspicion for each address that another pod was seen with before */
  see(pods: readonly AuditedPod[], networks: ReadonlyMap<string, AuditedNetwork | undefined>): AuditFinding[] {
    return pods.flatMap(pod => {
      const index = this.#pods.push({ uid: pod.uid, name: podName(pod) }) - 1;
      return usedAddresses(pod, networks).flatMap(({ network, address, netAddress }): AuditFinding[] => {
        const users = this.#usersIn(netAddress === undefined ? '' : `${network} ${netAddress}`);
        const key = netAddress === undefined ? keyOf(address) : Number.parseInt(address.replaceAll(':', ''), 16);
        const user = key === undefined ? undefined : this.#pods[users.get(key) ?? -1];
        if (key !== undefined && !user) users.set(key, index);
        if (!user || user.uid === pod.uid) return [];
        return [{ kind: 'duplicate', network, objects: [user.name, podName(pod)], message: `both use ${address}` }];
      });
    });
  }

  #usersIn(scope: string): Map<number, number> {
    const users = this.#users.get(scope) ?? new Map<number, number>();
    this.#users.set(scope, users);
    return users;
  }
}

function keyOf(text: string): number | undefined {
  const address = tryParseAddress(text);
  return address && Number(address.value % modulus);
}
