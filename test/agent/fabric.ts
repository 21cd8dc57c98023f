import { hostInterfaces } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import type { Host } from './host.ts';
import { Namespace } from './namespaces.ts';
import type { Site } from './site.ts';

/** The aggregate of a rail, from 1. */
export function railNet(rail: number): string {
  return `10.${rail}.0.0/16`;
}

/** A host's address on a rail; the leaf has the one before. Both from 1. */
export function railAddress(rail: number, host: number): string {
  return `10.${rail}.0.${2 * host + 1}`;
}

export function leafAddress(rail: number, host: number): string {
  return `10.${rail}.0.${2 * host}`;
}

/**
 * A fabric that routes to every NIC: the n-th NIC of each host has a /31 with the n-th leaf, and leaves route to each other. They drop what comes from an
 * address by another port than answers to it would leave by (RFC 3704 §2.2): whatever leaves a host by the wrong rail is lost.
 */
export class Fabric implements Disposable {
  readonly leaves: readonly Namespace[];
  readonly #site: Site;

  private constructor(site: Site, leaves: readonly Namespace[]) {
    this.#site = site;
    this.leaves = leaves;
  }

  /** Takes the site's hosts from its switches, and waits until their new addresses are known. */
  static async replace(site: Site, rails: number): Promise<Fabric> {
    const numbers = Array.from({ length: rails }, (_, i) => i + 1);
    const fabric = new Fabric(
      site,
      numbers.map(rail => new Namespace(`leaf${rail}`)),
    );
    try {
      fabric.#connectLeaves(numbers);
      for (const [i, host] of site.hosts.entries()) for (const rail of numbers) fabric.#plugIn(host, i + 1, rail);
      await Promise.all(site.hosts.map((host, i) => isKnown(site, host, numbers, i + 1)));
      return fabric;
    } catch (error) {
      fabric[Symbol.dispose]();
      throw error;
    }
  }

  /** The leaf learns, as from a routing daemon, that a host has this network, too. */
  announce(rail: number, host: number, network: string): void {
    for (const [i, leaf] of this.leaves.entries()) {
      const via = i + 1 === rail ? railAddress(rail, host) : `192.168.${rail}${i + 1}.1`;
      leaf.ip('route', 'replace', network, 'via', via);
    }
  }

  /** Bytes that came in from each host's NICs, rail by rail. */
  octets(host: number): number[] {
    return this.leaves.map((leaf, i) => {
      const text = leaf.ip('-j', '-s', 'link', 'show', `h${host}n${i + 1}`);
      const [link] = JSON.parse(text) as { readonly stats64: { readonly rx: { readonly bytes: number } } }[];
      return link?.stats64.rx.bytes ?? 0;
    });
  }

  /** Between two leaves a link: 192.168.<one><other>.1 is one's address on the link to the other. */
  #connectLeaves(rails: readonly number[]): void {
    for (const leaf of this.leaves)
      leaf.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=1');
    for (const one of rails) {
      for (const other of rails.filter(rail => rail > one)) {
        const [a, b] = [this.leaves[one - 1]!, this.leaves[other - 1]!];
        a.ip('link', 'add', `l${other}`, 'up', 'type', 'veth', 'peer', 'name', `l${one}`, 'netns', b.name);
        const ends = [`192.168.${one}${other}.1`, `192.168.${other}${one}.1`] as const;
        a.batch([
          `address add ${ends[0]} peer ${ends[1]} dev l${other}`,
          `route add ${railNet(other)} via ${ends[1]} dev l${other}`,
        ]);
        b.batch([
          `link set l${one} up`,
          `address add ${ends[1]} peer ${ends[0]} dev l${one}`,
          `route add ${railNet(one)} via ${ends[0]} dev l${one}`,
        ]);
      }
    }
  }

  #plugIn(host: Host, index: number, rail: number): void {
    const leaf = this.leaves[rail - 1]!;
    const [port, nic] = [`h${index}n${rail}`, `eth${rail}`];
    this.#site.switches.batch([`link set ${port} nomaster`, `link set ${port} netns ${leaf.name}`]);
    leaf.batch([`link set ${port} up`, `address add ${leafAddress(rail, index)}/31 dev ${port}`]);
    host.namespace.batch([
      `address flush dev ${nic}`,
      `address add ${railAddress(rail, index)}/31 dev ${nic}`,
      `route add ${railNet(rail)} via ${leafAddress(rail, index)} dev ${nic}`,
    ]);
  }

  [Symbol.dispose](): void {
    for (const leaf of this.leaves) leaf[Symbol.dispose]();
  }
}

function isKnown(site: Site, host: Host, rails: readonly number[], index: number): Promise<true> {
  return eventually(`the rails of ${host.nodeName} are known`, async () => {
    const { spec } = await site.client.get(hostInterfaces, { name: host.nodeName });
    const known = new Set(spec.interfaces.map(({ hostIP }) => hostIP));
    return rails.every(rail => known.has(railAddress(rail, index))) || undefined;
  });
}
