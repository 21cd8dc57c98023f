import type { HostInterface } from '../api/types.ts';
import { errorTable } from '../errors.ts';
import { knownNode } from '../pod/knownNode.ts';
import { lackingText } from '../selection/lacking.ts';
import { type AttachmentFacts, downNics, isLacking } from './attachments.ts';
import type { DiagnosisFacts, Line } from './facts.ts';
import { NodeFit } from './fit.ts';

/** The pod's node: its agent, its NICs, and what it has of the pod's networks. */
export function nodeLines(facts: DiagnosisFacts, node: string, attachments: readonly AttachmentFacts[]): Line[] {
  const host = facts.hosts.find(({ metadata }) => metadata.name === node);
  const isReady = facts.nodes.get(node);
  const lines: Said[] = [
    ...(isReady === undefined ? [problem('there is no Node of this name')] : []),
    ...(isReady === false ? [problem('it is not ready')] : []),
    ...agentLines(facts, attachments),
    ...(host
      ? [...hostLines(host, attachments), ...shareLines(facts, host, attachments)]
      : [problem('it has no HostInterface: no agent has reported its NICs', errorTable.MNN_NODE_NOT_READY)]),
  ];
  return lines.map(line => ({ about: `node ${node}`, ...line }));
}

type Said = Omit<Line, 'about'>;

function problem(text: string, fix?: string): Said {
  return { kind: 'problem', text, ...(fix !== undefined && { fix }) };
}

function agentLines({ agents }: DiagnosisFacts, attachments: readonly AttachmentFacts[]): Said[] {
  // It need not run as a pod.
  if (agents?.length === 0 && attachments.some(isLacking)) {
    return [{ kind: 'hint', text: 'no pod of the agent is on it', fix: errorTable.MNN_AGENT_AWAY }];
  }
  return (agents ?? []).map(({ name, isReady }) =>
    isReady
      ? { kind: 'fact', text: `its agent ${name} is ready` }
      : problem(`its agent ${name} is not ready`, errorTable.MNN_AGENT_AWAY),
  );
}

function hostLines({ metadata, spec, status }: HostInterface, attachments: readonly AttachmentFacts[]): Said[] {
  const nics = spec.interfaces.map(({ interfaceName, linkState = 'up' }) => `${interfaceName} ${linkState}`);
  const down = new Set(attachments.flatMap(of => downNics(spec.interfaces, of)));
  const fix = `kubectl describe hostinterface ${metadata.name}`;
  return [
    { kind: 'fact', text: `NICs: ${nics.join(', ') || 'none'}` },
    ...Array.from(down, nic => problem(`${nic}, which the pod uses, is down`, fix)),
    ...(status?.conditions ?? []).flatMap(({ type, status: is, message }) =>
      is === 'False' ? problem(`${type} is False: ${message}`, fix) : [],
    ),
  ];
}

function shareLines(facts: DiagnosisFacts, host: HostInterface, attachments: readonly AttachmentFacts[]): Said[] {
  const fit = new NodeFit(facts);
  return attachments.flatMap((of): Said[] => {
    const room = fit.roomOn(of.selected.network, host);
    const lack = of.record || !isLacking(of) ? undefined : fit.lackOf(of.selected, host);
    return [
      ...(room === undefined ? [] : [{ kind: 'fact' as const, text: `network ${of.selected.network}: ${room}` }]),
      ...(lack === undefined ? [] : [problem(`it lacks ${lack}`, errorTable.MNN_NODE_LACKS)]),
    ];
  });
}

/** Of a pod without a node: on how many it could run as far as its networks go, and what the others lack. */
export function nodesLines(facts: DiagnosisFacts, attachments: readonly AttachmentFacts[]): Line[] {
  const only = knownNode(facts.pod.spec ?? {});
  const names = only === undefined ? [...facts.nodes.keys()] : [only];
  const hosts = new Map(facts.hosts.map(host => [host.metadata.name, host]));
  const fit = new NodeFit(facts);
  const lacking = new Map<string, string[]>();
  for (const name of names) {
    const host = hosts.get(name);
    const lack =
      facts.nodes.get(name) === true
        ? attachments.map(({ selected }) => fit.lackOf(selected, host)).find(text => text !== undefined)
        : 'readiness for new pods';
    if (lack !== undefined) lacking.set(lack, [...(lacking.get(lack) ?? []), name]);
  }
  const unfit = [...lacking.values()].reduce((sum, { length }) => sum + length, 0);
  const rest = lacking.size > 0 ? `: ${lackingText(lacking)}` : '';
  const about = 'nodes';
  if (unfit < names.length) {
    const text = `${names.length - unfit} of ${names.length} could take the pod as far as its networks go${rest}`;
    return [{ about, kind: 'fact', text }];
  }
  const which = only === undefined ? `none of ${names.length} nodes` : `the pod can run on ${only} only, which`;
  const text = only === undefined ? `${which} can take the pod${rest}` : `${which} cannot take it${rest}`;
  return [{ about, kind: 'problem', text, fix: errorTable.MNN_NO_NODE_FITS }];
}
