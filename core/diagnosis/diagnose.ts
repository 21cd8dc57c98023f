import { component } from '../api/names.ts';
import { audit } from '../audit/audit.ts';
import { auditedPod } from '../audit/readPod.ts';
import type { AuditedPod, AuditInput } from '../audit/types.ts';
import { podName } from '../audit/view.ts';
import { type Attachment, attachmentsOf } from './attachments.ts';
import type { DiagnosisFacts, PodWarning } from './facts.ts';
import { attachmentFindings, type Line, linesOf, linksText, nodeFindings, podFindings } from './findings.ts';
import { selectedBy } from './selection.ts';
import { whyUndecided } from './undecided.ts';

/** Why a pod has, lacks or waits for its NICs. */
export interface Diagnosis {
  /** `namespace/name`. */
  pod: string;
  node?: string;
  /** Whether it has all NICs that it was to get, one at least, and nothing disagrees about them. */
  isComplete: boolean;
  /** One sentence. */
  verdict: string;
  /** From causes to effects: the pod, its node, its networks, disagreements, events. */
  lines: Line[];
}

/** What operations under way may take, ms; as in the audit of a cluster. */
const graceMs = 60_000;

/** Puts together all that is known of the pod's NICs. */
export function diagnose(facts: DiagnosisFacts): Diagnosis {
  const { node, networks, audited } = facts;
  const pod = auditedPod(facts.pod);
  const nodes = new Map(node?.state && node.state !== 'gone' ? [[node.name, node.state === 'ready']] : []);
  const input = { ...audited, pods: [pod], nodes };
  const attachments = attachmentsOf(input, pod, selectedBy(facts.pod, networks), networks);
  const lines = [
    ...linesOf('pod', podFindings, { facts, attachments, undecided: whyUndecided(facts) }),
    ...(node ? linesOf(`node ${node.name}`, nodeFindings, { node, attachments }) : []),
    ...attachments.flatMap(of => linesOf(`network ${of.network} (${of.ifname})`, attachmentFindings, of)),
    ...disagreements(input, podName(pod), facts.now),
  ];
  const isComplete = attachments.length > 0 && !lines.some(({ kind }) => kind === 'lack');
  lines.push(
    ...warningLines(facts.warnings, isComplete),
    ...facts.unread.map((text): Line => ({ about: 'rights', kind: 'fact', text })),
  );
  const name = `${pod.namespace}/${pod.name}`;
  const verdict = `pod ${name} ${isComplete ? hasAll(attachments, lines) : lacks(pod, attachments, lines)}`;
  return { pod: name, ...(pod.node !== undefined && { node: pod.node }), isComplete, verdict, lines };
}

/** What the audit says about the pod. Others' records are only there to compare with. */
function disagreements(input: AuditInput, pod: string, now: Date): Line[] {
  return audit(input, { now, graceMs, reservationMs: graceMs })
    .filter(({ objects }) => objects.includes(pod))
    .map(({ kind, message }): Line => ({ about: `audit, ${kind}`, kind: 'lack', text: message }));
}

const ours: ReadonlySet<string> = new Set(Object.values(component));
/** Of the scheduler, which says what else than NICs nodes lack, and of the kubelet. */
const telling: ReadonlySet<string> = new Set(['FailedScheduling', 'FailedCreatePodSandBox']);

/**
 * The last three Warnings about the pod that may be about its NICs, the newest first.
 * @param isOver the pod has its NICs by now
 */
function warningLines(warnings: readonly PodWarning[], isOver: boolean): Line[] {
  return warnings
    .filter(
      ({ component: by, reason, message }) =>
        ours.has(by) || telling.has(reason) || /MNN_|multinic\.fms\.io/.test(message),
    )
    .toSorted((a, b) => (a.last < b.last ? 1 : -1))
    .slice(0, 3)
    .map(({ reason, message, last }): Line => {
      return { about: `event ${reason}`, kind: isOver ? 'fact' : 'problem', text: `${last}: ${message}` };
    });
}

function hasAll(attachments: readonly Attachment[], lines: readonly Line[]): string {
  const problem = lines.find(({ kind }) => kind === 'problem');
  const but = problem ? `; but ${sayingOf(problem)}` : '';
  return `has all its NICs: ${linksText(attachments.flatMap(({ interfaces }) => interfaces))}${but}`;
}

function lacks({ endedAt, isRunning }: AuditedPod, attachments: readonly Attachment[], lines: readonly Line[]): string {
  if (endedAt) return 'has ended, and has no NICs any more';
  const [cause] = (['problem', 'hint', 'lack'] as const).flatMap(kind => lines.find(line => line.kind === kind) ?? []);
  const why = cause ? `: ${sayingOf(cause)}` : '';
  if (attachments.length === 0) return `gets no NICs${why}`;
  const without = attachments.filter(of => of.isLacking).map(({ ifname, network }) => `${ifname} of ${network}`);
  if (without.length === 0) return `has its NICs, but something disagrees${why}`;
  return `${isRunning ? 'lacks' : 'waits for'} ${without.join(', ')}${why}`;
}

function sayingOf({ about, text }: Line): string {
  return about === 'pod' ? text : `${about}: ${text}`;
}
