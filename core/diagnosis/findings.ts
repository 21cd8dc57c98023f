import type { AllocatedNic, HostInterface, MultiNicNetwork } from '../api/types.ts';
import { isStaying } from '../audit/view.ts';
import { type ErrorCode, errorTable } from '../errors.ts';
import { linkName } from '../net/interfaceName.ts';
import { appliesTo } from '../network/network.ts';
import { isBound } from '../pod/knownNode.ts';
import { keepsRecords } from '../selection/loads.ts';
import type { Attachment } from './attachments.ts';
import type { DiagnosedNode, DiagnosisFacts } from './facts.ts';
import type { Undecided } from './undecided.ts';

/**
 * One thing that is known. `lack`: the pod has not what it should have; `problem`: why, or what needs somebody's attention; `hint`: why, if nothing
 * else is; `fact`: all else.
 */
export interface Line {
  /** The pod, a network with its interface, a node, … */
  about: string;
  kind: 'fact' | 'hint' | 'problem' | 'lack';
  text: string;
  /** What to do. */
  fix?: string;
}

/** One thing that may be so. */
interface Finding<T> {
  kind: Line['kind'];
  /** In a sentence, or several; none where it is not so. */
  says: (of: T) => string | readonly string[] | false | undefined;
  /** What to do: the advice of an error, or in words. */
  fix?: ErrorCode | ((of: T) => string | undefined) | undefined;
}

type Says<T> = Finding<T>['says'];
type Fix<T> = Finding<T>['fix'];
const fact = <T>(says: Says<T>): Finding<T> => ({ kind: 'fact', says });
const hint = <T>(says: Says<T>, fix: Fix<T>): Finding<T> => ({ kind: 'hint', says, fix });
const problem = <T>(says: Says<T>, fix?: Fix<T>): Finding<T> => ({ kind: 'problem', says, fix });
const lack = <T>(says: Says<T>): Finding<T> => ({ kind: 'lack', says });

/** The pod, what admission made of it, and its networks. */
interface PodCase {
  facts: DiagnosisFacts;
  attachments: readonly Attachment[];
  undecided: Undecided | undefined;
}

export const podFindings: readonly Finding<PodCase>[] = [
  fact(stateText),
  problem(
    ({ undecided, attachments }) => attachments.length === 0 && undecided?.text,
    ({ undecided }) => undecided?.fix,
  ),
  // A network that it names in the list of everybody's networks it gets all the same: on the node, from the agent.
  fact(({ undecided, attachments }) => attachments.length > 0 && undecided?.text),
  problem(({ facts: { pod } }) =>
    pod.spec?.schedulingGates?.map(({ name }) => `it is held back by its scheduling gate ${name}`),
  ),
];

/** The pod's node, and what the pod is to have there. */
interface NodeCase {
  node: DiagnosedNode;
  attachments: readonly Attachment[];
}

const describeHost = ({ node }: NodeCase): string => `kubectl describe hostinterface ${node.name}`;

export const nodeFindings: readonly Finding<NodeCase>[] = [
  problem(({ node }) => node.state === 'gone' && 'there is no Node of this name'),
  problem(({ node }) => node.state === 'not ready' && 'it is not ready'),
  // It need not run as a pod.
  hint(
    ({ node, attachments }) =>
      node.agents?.length === 0 && attachments.some(of => of.isLacking) && 'no pod of the agent is on it',
    'MNN_AGENT_AWAY',
  ),
  problem(
    ({ node }) => node.agents?.filter(({ isReady }) => !isReady).map(({ name }) => `its agent ${name} is not ready`),
    'MNN_AGENT_AWAY',
  ),
  problem(({ node }) => !node.host && 'it has no HostInterface: no agent has reported its NICs', 'MNN_NODE_NOT_READY'),
  fact(({ node }) => node.host && `NICs: ${nicStates(node.host)}`),
  problem(of => downNics(of).map(nic => `${nic}, which the pod uses, is down`), describeHost),
  problem(
    ({ node }) =>
      node.host?.status?.conditions?.flatMap(({ type, status, message }) =>
        status === 'False' ? `${type} is False: ${message}` : [],
      ),
    describeHost,
  ),
];

export const attachmentFindings: readonly Finding<Attachment>[] = [
  problem(({ object, network }) => !object && `there is no network "${network}" any more`, 'MNN_NETWORK_UNKNOWN'),
  // What was decided no longer depends on the network's state; and other nodes than the pod's may be the reason of it.
  hint(({ object, decided }) => object && !decided && unreadiness(object), 'MNN_NETWORK_NOT_READY'),
  problem(
    ({ object, pod: { namespace } }) =>
      object && !appliesTo(object.spec, namespace) && `the network does not apply to namespace ${namespace} any more`,
    'MNN_NETWORK_NOT_ALLOWED',
  ),
  fact(({ decided, ifname }) => decided && `admission decided: ${nicsText(ifname, decided)}`),
  fact(
    ({ decided, read }) =>
      !decided && (read?.onNode ? 'its NICs are chosen on the node' : 'admission has decided no NICs of it'),
  ),
  fact(
    ({ held, ifname }) =>
      held &&
      `ippool ${held.pool.name}: ${held.record.state} since ${held.record.since}: ${nicsText(ifname, held.record.nics)}`,
  ),
  problem(
    ({ held, decided, read, pod }) =>
      decided && !held && read && keepsRecords(read) && isStaying(pod) && 'no address pool has a record of it',
  ),
  fact(({ interfaces, pod: { isChanged = false } }) => {
    const source = isChanged ? 'as its agent has found it' : 'network-status';
    return interfaces.length > 0 && `the pod has ${linksText(interfaces)} (${source})`;
  }),
  lack(
    ({ isLacking, interfaces, ifname }) =>
      isLacking &&
      (interfaces.length > 0 ? 'the pod has fewer interfaces' : `the pod has no interface ${ifname} of it`),
  ),
];

/** What a table says, in its order. */
export function linesOf<T>(about: string, table: readonly Finding<T>[], of: T): Line[] {
  return table.flatMap(({ kind, says, fix: advice }) => {
    const fix = typeof advice === 'function' ? advice(of) : advice && errorTable[advice];
    const said = says(of);
    return (said ? [said].flat() : []).map((text): Line => ({ about, kind, text, ...(fix && { fix }) }));
  });
}

/** Interfaces with their addresses. */
export function linksText(interfaces: Attachment['interfaces']): string {
  return interfaces.map(link => [link.interface, ...link.addresses].join(' ')).join(', ');
}

function stateText({ facts: { pod } }: PodCase): string {
  const { metadata, spec = {}, status } = pod;
  const where = isBound(spec) ? `on node ${spec.nodeName}` : 'not bound to a node yet';
  const deleted = metadata.deletionTimestamp === undefined ? '' : `, being deleted since ${metadata.deletionTimestamp}`;
  return `${status?.phase ?? 'Pending'}, ${where}${deleted}`;
}

function nicStates({ spec }: HostInterface): string {
  const states = spec.interfaces.map(({ interfaceName, linkState = 'up' }) => `${interfaceName} ${linkState}`);
  return states.join(', ') || 'none';
}

/** NICs of the node that the pod was given, and whose link is down. */
function downNics({ node: { host }, attachments }: NodeCase): string[] {
  const given = attachments.flatMap(({ held, decided }) => held?.record.nics ?? decided ?? []);
  return (host?.spec.interfaces ?? [])
    .filter(nic => nic.linkState === 'down' && given.some(({ master }) => master === nic.interfaceName))
    .map(({ interfaceName }) => interfaceName);
}

function unreadiness({ status }: MultiNicNetwork): string | undefined {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const message = ready?.message ?? 'the controller has not looked at it yet';
  return ready?.status === 'True' ? undefined : `the network is not ready: ${message}`;
}

function nicsText(ifname: string, nics: readonly AllocatedNic[]): string {
  return nics
    .map(({ master, netAddress, addresses }, i) =>
      [linkName(ifname, i), 'on', master ?? `a NIC in ${netAddress}`, ...addresses].join(' '),
    )
    .join(', ');
}
