import type { Allocation, HostInterface } from '../api/types.ts';
import type { AuditedNetwork } from '../audit/types.ts';
import { type Block, blocksOf } from '../layout/hostBlocks.ts';
import { type Member, membersOf } from '../layout/members.ts';
import { AddressIndex } from '../net/addressIndex.ts';
import { allocate } from '../pool/allocate.ts';
import { emptyPool } from '../pool/content.ts';
import { nodePoolName } from '../pool/name.ts';
import { candidatesOf } from '../selection/candidates.ts';
import { candidatesWith, loadsOf } from '../selection/loads.ts';
import { readNicRequest, requestNamed } from '../selection/request.ts';
import { selectNics } from '../selection/select.ts';
import type { Wish } from '../selection/types.ts';
import { classOf, strategyOf, wishOf } from '../selection/wish.ts';
import { nodeCapacity } from '../status/nodeCapacity.ts';
import type { DiagnosisFacts } from './facts.ts';
import type { Selected } from './selection.ts';

/** What nodes have for the pod's networks. Hosts' addresses and pools are indexed once: there may be thousands of nodes. */
export class NodeFit {
  readonly #facts: DiagnosisFacts;
  readonly #records: ReadonlyMap<string, readonly Allocation[]>;
  readonly #hostAddresses = new Map<string, AddressIndex>();

  constructor(facts: DiagnosisFacts) {
    this.#facts = facts;
    this.#records = new Map(facts.pools.map(({ name, allocations }) => [name, allocations]));
  }

  /**
   * What the node lacks for a network that the pod has nothing of yet, as the rest of "the node lacks …", by the rules of admission: NICs, a block,
   * an address. Undefined where it lacks nothing. What pods of other networks have of the same NICs does not count.
   */
  lackOf(selected: Selected, host: HostInterface | undefined): string | undefined {
    const known = this.#facts.audited.get(selected.network);
    if (!known || known.network.handedOut) return undefined;
    if (!host) return 'a HostInterface, which its agent writes';
    const { network } = known;
    const wish = this.#wishOf(selected, known);
    const records = this.#recordsOn(known, host);
    const candidates = candidatesWith(network, candidatesOf(network, host.spec), loadsOf(network, records));
    const chosen = selectNics(strategyOf(network), candidates, wish);
    if (!chosen.ok) return chosen.lacks;
    if (!network.ownAddresses || network.nodeIndependent) return undefined;
    const nics = chosen.nics.map(({ member }) => ({
      netAddress: member.netAddress,
      blocks: this.#blocksOf(known, host, member),
    }));
    if (nics.some(({ blocks }) => blocks.length === 0)) return `an address block of network ${network.name}`;
    const { namespace = '', name, uid: podUID = '' } = this.#facts.pod.metadata;
    const claimant = { podUID, namespace, name, interface: selected.ifname };
    // What rests is given out where nothing else is left.
    const rules = { now: this.#facts.now, coolDownMs: 0 };
    const grant = allocate({ ...emptyPool, allocations: records }, { claimant, nics }, rules);
    return grant.ok ? undefined : `a free address of network ${network.name}`;
  }

  /** How many attachments the network has addresses for on the node, and how many hold some, in words; undefined where the node has no say in it. */
  roomOn(network: string, host: HostInterface): string | undefined {
    const known = this.#facts.audited.get(network);
    if (!known?.network.ownAddresses || known.network.nodeIndependent) return undefined;
    const members = membersOf(known.network, host.spec);
    if (members.length === 0) return 'it has no NIC in it';
    const hostIndex = known.hostIndexes.get(host.metadata.name);
    const capacity = nodeCapacity({ ...known, members, hostIndex, hostAddresses: this.#addressesOf(known) });
    if (capacity === undefined) return 'it has no address block yet';
    const held = this.#recordsOn(known, host).length;
    return `block ${hostIndex}; ${held} of ${capacity} attachments hold addresses`;
  }

  /** @throws MultiNicError where the pod asks for what cannot be */
  #wishOf({ element, ifname }: Selected, { network }: AuditedNetwork): Wish {
    const { pod, deviceClasses } = this.#facts;
    const asked = readNicRequest(element['cni-args'], `element ${element.name}`, pod.metadata.annotations);
    const request = requestNamed(ifname, asked);
    const wanted = classOf(network, request);
    return wishOf(
      network,
      request,
      deviceClasses.find(({ metadata }) => metadata.name === wanted),
    );
  }

  #blocksOf(known: AuditedNetwork, { metadata }: HostInterface, member: Member): Block[] {
    const { network, interfaces, hostIndexes } = known;
    const index = hostIndexes.get(metadata.name);
    return index === undefined ? [] : blocksOf(network, interfaces, member, index, this.#addressesOf(known));
  }

  #recordsOn({ network }: AuditedNetwork, { metadata }: HostInterface): readonly Allocation[] {
    return this.#records.get(nodePoolName(network.name, metadata.name)) ?? [];
  }

  /** Addresses of hosts, where pods get others of the same subnets. */
  #addressesOf({ network }: AuditedNetwork): AddressIndex | undefined {
    if (!network.fromHosts) return undefined;
    const known = this.#hostAddresses.get(network.name);
    if (known) return known;
    const index = new AddressIndex();
    this.#hostAddresses.set(network.name, index);
    const members = this.#facts.hosts.flatMap(({ spec }) => membersOf(network, spec));
    for (const { address } of members.flatMap(({ hostAddresses }) => hostAddresses)) if (address) index.add(address);
    return index;
  }
}
