import type { Host } from './host.ts';

/** What a pod may change of a NIC that it has. */
export function podsChanges(nic: string): string[] {
  return [`link set ${nic} down`, `link set ${nic} address 02:00:00:00:00:99 mtu 1400`, `link set ${nic} up`];
}

/** What a NIC has on the host that it must not lose in a pod. */
export function describedNic(host: Host, nic: string): object {
  const { ifname, mtu, address, altnames, flags } = (
    JSON.parse(host.namespace.ip('-j', 'link', 'show', nic)) as {
      readonly ifname: string;
      readonly mtu: number;
      readonly address: string;
      readonly altnames?: string[];
      readonly flags: string[];
    }[]
  )[0]!;
  return { ifname, mtu, address, altnames, isUp: flags.includes('UP') };
}
