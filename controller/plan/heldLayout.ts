import type { Allocation, InterfaceIndex } from '../../core/api/types.ts';
import type { AuditedPod } from '../../core/audit/types.ts';
import { addressesOf } from '../../core/audit/view.ts';
import { interfaceIndexOf } from '../../core/layout/hostBlocks.ts';
import { tryParseAddress } from '../../core/net/address.ts';
import type { Network } from '../../core/network/network.ts';
import { heldIndex } from './heldIndex.ts';

/** The indexes under which pods have addresses of one network, as they tell themselves. */
export class HeldLayout {
  readonly #network: Network;
  readonly #hosts = new Map<string, number>();
  /** Interface index → the host subnet that it stood for. */
  readonly #subnets = new Map<number, string>();
  readonly #records = new Map<string, Allocation[]>();

  constructor(network: Network) {
    this.#network = network;
  }

  /** By the host's name. */
  get hosts(): ReadonlyMap<string, number> {
    return this.#hosts;
  }

  /** What was decided for pods, by the host, in the block of its index. */
  get records(): ReadonlyMap<string, readonly Allocation[]> {
    return this.#records;
  }

  /** What admission decided counts first: its pod's author cannot change that. */
  note({ node, attachments, interfaces, ...pod }: AuditedPod): void {
    const isOurs = ({ network }: { network: string }): boolean => network === this.#network.name;
    const ours = attachments.filter(isOurs);
    const decided = ours.flatMap(({ nics }) => nics);
    const actual = interfaces.filter(isOurs).map(({ addresses }) => ({ netAddress: '', addresses: [...addresses] }));
    const nics = decided.some(({ addresses }) => addresses.length > 0) ? decided : actual;
    const index = heldIndex(this.#network, [{ nics }]);
    if (node !== undefined && index !== undefined && !this.#hosts.has(node)) this.#hosts.set(node, index);
    for (const attachment of ours) this.#noteRecord(node, pod, attachment);
    for (const nic of decided) this.#noteInterface(nic.netAddress, addressesOf([nic]));
  }

  #noteRecord(
    node = '',
    { uid: podUID, namespace, name }: Pick<AuditedPod, 'uid' | 'namespace' | 'name'>,
    { interface: ifname, nics }: AuditedPod['attachments'][number],
  ): void {
    const index = heldIndex(this.#network, [{ nics }]);
    if (index === undefined || index !== this.#hosts.get(node)) return;
    const since = new Date().toISOString();
    const state = 'Allocated' as const;
    const record = { podUID, namespace, name, interface: ifname, nics: [...nics], state, since };
    const others = this.#records.get(node);
    if (others) others.push(record);
    else this.#records.set(node, [record]);
  }

  #noteInterface(netAddress: string, addresses: readonly string[]): void {
    for (const text of addresses) {
      const address = tryParseAddress(text);
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
