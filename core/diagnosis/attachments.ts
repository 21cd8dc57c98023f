import type { AllocatedNic, Allocation, HostNic } from '../api/types.ts';
import type { AuditedPod } from '../audit/types.ts';
import { isStaying } from '../audit/view.ts';
import { type ErrorCode, errorTable } from '../errors.ts';
import { linkName } from '../net/interfaceName.ts';
import { givesAddresses } from '../network/ipam.ts';
import { appliesTo, type Network } from '../network/network.ts';
import { keepsRecords } from '../selection/loads.ts';
import type { DiagnosisFacts, Line } from './facts.ts';
import type { Selected } from './selection.ts';

/** What is known of one network of the pod: each place that says something about it. */
export interface AttachmentFacts {
  selected: Selected;
  /** Its live record, and the pool that has it. */
  record: { allocation: Allocation; pool: string } | undefined;
  /** Interfaces in the pod. */
  interfaces: AuditedPod['interfaces'];
}

/** What each network of the pod has led to, as far as it goes. */
export function attachmentFacts(
  facts: DiagnosisFacts,
  pod: AuditedPod,
  selected: readonly Selected[],
): AttachmentFacts[] {
  return selected.map(of => {
    const { network, ifname } = of;
    const [record] = facts.pools
      .filter(({ spec }) => spec.network === network)
      .flatMap(({ name, allocations }) => allocations.map(allocation => ({ allocation, pool: name })))
      .filter(({ allocation }) => allocation.interface === ifname && isOf(allocation, pod));
    const isOwn = (name: string): boolean => name === ifname || name.startsWith(`${ifname}-`);
    const interfaces = pod.interfaces.filter(link => link.network === network && isOwn(link.interface));
    return { selected: of, record, interfaces };
  });
}

function isOf({ podUID, namespace, reservation }: Allocation, pod: AuditedPod): boolean {
  if (podUID !== '') return podUID === pod.uid;
  return namespace === pod.namespace && reservation !== undefined && reservation === pod.reservation;
}

/** Whether the pod has fewer interfaces of the network than it was given or, where that is not known, none. */
export function isLacking({ selected, record, interfaces }: AttachmentFacts): boolean {
  const given = selected.decided ?? record?.allocation.nics;
  return interfaces.length < (given?.length ?? 1);
}

/** The attachment in lines: the network, what was decided, recorded and made. */
export function attachmentLines(facts: DiagnosisFacts, pod: AuditedPod, of: AttachmentFacts): Line[] {
  const { network, ifname, decided } = of.selected;
  const known = facts.audited.get(network)?.network;
  const lines = [
    ...networkLines(facts, pod, of),
    ...(known ? [fact(whenGiven(known))] : []),
    fact(decided ? `admission decided: ${nicsText(ifname, decided)}` : 'admission has decided no NICs of it yet'),
    ...recordLines(pod, of, known),
    ...interfaceLines(pod, of),
  ];
  return lines.map(line => ({ about: `network ${network} (${ifname})`, ...line }));
}

type Said = Omit<Line, 'about'>;

function fact(text: string): Said {
  return { kind: 'fact', text };
}

function fault(kind: Line['kind'], text: string, code: ErrorCode): Said {
  return { kind, text, fix: errorTable[code] };
}

function networkLines({ networks }: DiagnosisFacts, { namespace }: AuditedPod, { selected }: AttachmentFacts): Said[] {
  const { network: name, decided } = selected;
  const object = networks.find(({ metadata }) => metadata.name === name);
  if (!object) return [fault('problem', `there is no network "${name}" any more`, 'MNN_NETWORK_UNKNOWN')];
  const ready = object.status?.conditions?.find(({ type }) => type === 'Ready');
  const isReady = ready?.status === 'True';
  const message = ready?.message ?? 'the controller has not looked at it yet';
  const state = `the network is ${isReady ? '' : 'not '}ready: ${message}`;
  // What was decided no longer depends on the network's state; else other nodes than the pod's may be the reason.
  const lines = [isReady || decided ? fact(state) : fault('hint', state, 'MNN_NETWORK_NOT_READY')];
  if (appliesTo(object.spec, namespace)) return lines;
  const lost = `the network does not apply to namespace ${namespace} any more`;
  return [...lines, fault('problem', lost, 'MNN_NETWORK_NOT_ALLOWED')];
}

function recordLines(pod: AuditedPod, { selected, record }: AttachmentFacts, network: Network | undefined): Said[] {
  if (record) {
    const { state, since, nics } = record.allocation;
    return [fact(`ippool ${record.pool}: ${state} since ${since}: ${nicsText(selected.ifname, nics)}`)];
  }
  if (!network || !keepsRecords(network)) return [];
  const text = 'no address pool has a record of it';
  return [selected.decided && isStaying(pod) ? { kind: 'problem', text } : fact(text)];
}

function interfaceLines({ isChanged = false }: AuditedPod, of: AttachmentFacts): Said[] {
  const { interfaces, selected } = of;
  const has = interfaces.map(link => [link.interface, ...link.addresses].join(' ')).join(', ');
  const source = isChanged ? 'as its agent has found it' : 'network-status';
  const lines = has === '' ? [] : [fact(`the pod has ${has} (${source})`)];
  if (!isLacking(of)) return lines;
  const text = has === '' ? `the pod has no interface ${selected.ifname} of it` : 'the pod has fewer interfaces';
  return [...lines, { kind: 'lack', text }];
}

/** NICs of the node that the pod was given, and whose link is down. */
export function downNics(nics: readonly HostNic[], { selected, record }: AttachmentFacts): string[] {
  const given = (record?.allocation.nics ?? selected.decided ?? []).flatMap(({ master }) => master ?? []);
  return nics
    .filter(nic => nic.linkState === 'down' && given.includes(nic.interfaceName))
    .map(nic => nic.interfaceName);
}

function whenGiven({ ipam, ownAddresses, onNode, nodeIndependent, subnets }: Network): string {
  if (!givesAddresses(ipam)) return 'its interfaces get no addresses';
  if (!ownAddresses) return `addresses are given on the node, by the IPAM plugin ${ipam.type}`;
  if (onNode) return 'NICs and addresses are given on the node, by its agent';
  if (nodeIndependent && subnets.length > 0) return 'addresses are given when the pod is created, or else bound';
  return 'NICs and addresses are given when the pod is bound to a node';
}

function nicsText(ifname: string, nics: readonly AllocatedNic[]): string {
  return nics
    .map(({ master, netAddress, addresses }, i) =>
      [linkName(ifname, i), 'on', master ?? `a NIC in ${netAddress}`, ...addresses].join(' '),
    )
    .join(', ');
}
