import type { AllocatedNic, Allocation, InterfaceIndex } from '../../core/api/types.ts';
import type { AuditedPod } from '../../core/audit/types.ts';
import { interfaceIndexOf } from '../../core/layout/hostBlocks.ts';
import { contains, covers, tryParseCidr } from '../../core/net/cidr.ts';
import { tryAddressOf } from '../../core/net/interfaceAddress.ts';
import { appliesTo, type Network } from '../../core/network/network.ts';
import { heldIndex } from './heldIndex.ts';

/** Stands for all hosts of a network whose addresses depend on none. */
const anyHost = '';

/**
 * The indexes under which pods have addresses of one network, as they tell themselves. What admission decided counts first, as a pod's author cannot
 * change that. What a pod has on its node somebody may have written into it: it tells of hosts alone, which each have one index whatever is
 * written, and the word of most pods counts.
 */
export class HeldLayout {
  readonly #network: Network;
  readonly #since: string;
  /** By the host's name. */
  readonly #decided = new Map<string, number>();
  /** How many pods tell of an index, by the host's name. */
  readonly #told = new Map<string, Map<number, number>>();
  /** Interface index → the host subnet that it stood for. */
  readonly #subnets = new Map<number, string>();
  /** By the host's name, then by attachment: a pod may be shown twice. */
  readonly #records = new Map<string, Map<string, Allocation>>();

  /** @param now what the records are dated by */
  constructor(network: Network, now: Date) {
    this.#network = network;
    this.#since = now.toISOString();
  }

  /** By the host's name, the surest first: two hosts may claim one index. */
  get hosts(): ReadonlyMap<string, number> {
    const told = [...this.#told].flatMap(([host, counts]) => {
      const [most] = [...counts].sort(([, a], [, b]) => b - a);
      return most === undefined || this.#decided.has(host) ? [] : [{ host, index: most[0], pods: most[1] }];
    });
    told.sort((a, b) => b.pods - a.pods);
    return new Map([...this.#decided, ...told.map(({ host, index }) => [host, index] as const)]);
  }

  /** What was decided for pods, by the host, in the block of its index; of a network whose addresses depend on no host, all under one name. */
  get records(): ReadonlyMap<string, readonly Allocation[]> {
    return new Map([...this.#records].map(([node, records]) => [node, [...records.values()]]));
  }

  /** @param isAdmitted whether admission made the pod's attachments; else its author may have */
  note(pod: AuditedPod, { isAdmitted }: { isAdmitted: boolean }): void {
    const { namespace, interfaces } = pod;
    const node = this.#network.nodeIndependent ? anyHost : pod.node;
    if (!appliesTo(this.#network.spec, namespace)) return;
    const isOurs = ({ network }: { network: string }): boolean => network === this.#network.name;
    const attachments = isAdmitted ? pod.attachments.filter(isOurs) : [];
    const decided = this.#given(attachments.flatMap(({ nics }) => nics));
    for (const nic of decided) this.#noteInterface(nic);
    if (node === undefined) return;
    const index = heldIndex(this.#network, [{ nics: decided }]);
    if (index !== undefined) {
      if (!this.#decided.has(node)) this.#decided.set(node, index);
      for (const attachment of attachments) this.#noteRecord(node, pod, attachment);
      return;
    }
    const actual = interfaces.filter(isOurs).map(({ addresses }) => ({ netAddress: '', addresses: [...addresses] }));
    const told = heldIndex(this.#network, [{ nics: this.#given(actual) }]);
    if (told === undefined) return;
    const counts = this.#told.get(node) ?? new Map<number, number>();
    this.#told.set(node, counts.set(told, (counts.get(told) ?? 0) + 1));
  }

  #noteRecord(
    node: string,
    { uid: podUID, namespace, name }: AuditedPod,
    { interface: ifname, nics }: AuditedPod['attachments'][number],
  ): void {
    const given = this.#given(nics);
    if (heldIndex(this.#network, [{ nics: given }]) !== this.#decided.get(node)) return;
    const ids = { podUID, namespace, name, interface: ifname };
    const record: Allocation = { ...ids, nics: given, state: 'Allocated', since: this.#since };
    const records = this.#records.get(node) ?? new Map<string, Allocation>();
    this.#records.set(node, records.set(`${podUID} ${ifname}`, record));
  }

  /** Without addresses that the network does not give. */
  #given(nics: readonly AllocatedNic[]): AllocatedNic[] {
    const isGiven = (text: string): boolean => {
      const address = tryAddressOf(text);
      return address !== undefined && !this.#network.excludes.some(exclude => contains(exclude, address));
    };
    return nics.map(nic => ({ ...nic, addresses: nic.addresses.filter(isGiven) }));
  }

  #noteInterface({ netAddress, addresses }: AllocatedNic): void {
    const { masterNets } = this.#network;
    const net = tryParseCidr(netAddress);
    if (!net || (masterNets.length > 0 && !masterNets.some(master => covers(master, net)))) return;
    for (const text of addresses) {
      const address = tryAddressOf(text);
      const index = address && interfaceIndexOf(this.#network, address);
      if (index !== undefined && !this.#subnets.has(index)) this.#subnets.set(index, netAddress);
    }
  }

  /** Of NICs in one subnet, the n-th has the n-th index: positions get theirs in this order. */
  interfaces(): InterfaceIndex[] {
    const counts = new Map<string, number>();
    return [...this.#subnets]
      .sort(([a], [b]) => a - b)
      .map(([index, netAddress]) => {
        const ordinal = counts.get(netAddress) ?? 0;
        counts.set(netAddress, ordinal + 1);
        return { index, netAddress, ordinal };
      });
  }
}
