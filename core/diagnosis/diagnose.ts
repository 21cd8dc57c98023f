import { audit } from '../audit/audit.ts';
import { auditedPod } from '../audit/readPod.ts';
import { podName } from '../audit/view.ts';
import { isBound } from '../pod/knownNode.ts';
import { type AttachmentFacts, attachmentFacts, attachmentLines, isLacking } from './attachments.ts';
import type { DiagnosisFacts, Line } from './facts.ts';
import { nodeLines, nodesLines } from './node.ts';
import { decisionLines, selectedBy } from './selection.ts';
import { warningLines } from './warnings.ts';

/** Why a pod has, lacks or waits for its NICs. */
export interface Diagnosis {
  /** `namespace/name`. */
  pod: string;
  node?: string;
  /** Whether it has all NICs that it was to get, one at least, and nothing disagrees about them. */
  isComplete: boolean;
  /** One sentence. */
  verdict: string;
  /** From causes to effects: the pod, its networks, its node, disagreements, events. */
  lines: Line[];
}

/** What operations under way may take, ms; as in the audit of a cluster. */
const graceMs = 60_000;

/** Puts together all that is known of the pod's NICs. @throws MultiNicError where the pod asks for what cannot be */
export function diagnose(facts: DiagnosisFacts): Diagnosis {
  const { pod } = facts;
  const audited = auditedPod(pod);
  const selected = selectedBy(pod, facts.networks);
  const attachments = attachmentFacts(facts, audited, selected);
  const node = pod.spec?.nodeName;
  const gates = pod.spec?.schedulingGates ?? [];
  const lines = [
    stateLine(facts),
    ...decisionLines(facts, selected),
    ...gates.map(({ name }): Line => ({
      about: 'pod',
      kind: 'problem',
      text: `it is held back by its scheduling gate ${name}`,
    })),
    ...attachments.flatMap(of => attachmentLines(facts, audited, of)),
    ...(isBound(pod.spec ?? {}) ? nodeLines(facts, node ?? '', attachments) : []),
    ...(isBound(pod.spec ?? {}) || attachments.length === 0 ? [] : nodesLines(facts, attachments)),
    ...disagreements(facts),
  ];
  const isComplete = attachments.length > 0 && !lines.some(({ kind }) => kind === 'lack');
  lines.push(
    ...warningLines(facts.warnings, isComplete),
    ...facts.unread.map((text): Line => ({ about: 'rights', kind: 'fact', text })),
  );
  const { namespace, name } = audited;
  const verdict = `pod ${namespace}/${name} ${isComplete ? hasAll(attachments, lines) : lacks(facts, attachments, lines)}`;
  return { pod: `${namespace}/${name}`, ...(node !== undefined && { node }), isComplete, verdict, lines };
}

function stateLine({ pod: { metadata, spec, status } }: DiagnosisFacts): Line {
  const where = isBound(spec ?? {}) ? `on node ${spec?.nodeName}` : 'not bound to a node yet';
  const deleted = metadata.deletionTimestamp === undefined ? '' : `, being deleted since ${metadata.deletionTimestamp}`;
  return { about: 'pod', kind: 'fact', text: `${status?.phase ?? 'Pending'}, ${where}${deleted}` };
}

/** What the audit says about the pod. Others' records are only there to compare with. */
function disagreements({ now, pod, nodes, pools, audited }: DiagnosisFacts): Line[] {
  const { namespace = '', name } = pod.metadata;
  const input = { pods: [auditedPod(pod)], pools, networks: audited, nodes };
  const about = podName({ namespace, name });
  return audit(input, { now, graceMs, reservationMs: graceMs })
    .filter(({ objects }) => objects.includes(about))
    .map(({ kind, message }): Line => ({ about: `audit, ${kind}`, kind: 'lack', text: message }));
}

function hasAll(attachments: readonly AttachmentFacts[], lines: readonly Line[]): string {
  const has = attachments.flatMap(({ interfaces }) =>
    interfaces.map(link => [link.interface, ...link.addresses].join(' ')),
  );
  const problem = lines.find(({ kind }) => kind === 'problem');
  return `has all its NICs: ${has.join(', ')}${problem ? `; but ${sayingOf(problem)}` : ''}`;
}

function sayingOf({ about, text }: Line): string {
  return about === 'pod' ? text : `${about}: ${text}`;
}

function lacks({ pod }: DiagnosisFacts, attachments: readonly AttachmentFacts[], lines: readonly Line[]): string {
  const kinds = ['problem', 'hint', 'lack'] as const;
  const [cause] = kinds.flatMap(kind => lines.find(line => line.kind === kind) ?? []);
  const why = cause ? `: ${sayingOf(cause)}` : '';
  if (auditedPod(pod).endedAt) return 'has ended, and has no NICs any more';
  if (attachments.length === 0) return `gets no NICs${why}`;
  const without = attachments.filter(isLacking).map(({ selected }) => `${selected.ifname} of ${selected.network}`);
  if (without.length === 0) return `has its NICs, but something disagrees${why}`;
  const waits = pod.status?.phase === 'Running' ? 'lacks' : 'waits for';
  return `${waits} ${without.join(', ')}${why || '; nothing is known to be wrong'}`;
}
