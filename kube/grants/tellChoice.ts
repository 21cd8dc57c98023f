import { type AttachmentChoice, explain, explainShort } from '../../core/selection/explain.ts';
import type { EventRecorder, EventSubject } from '../report/events.ts';

/** Records as events of the pod which NICs were chosen, and why: `kubectl describe pod` shows them. */
export function tellChoice(
  events: Pick<EventRecorder, 'record'>,
  { metadata }: Pick<EventSubject, 'metadata'>,
  node: string,
  choices: readonly AttachmentChoice[],
): void {
  if (choices.length === 0) return;
  const subject = { apiVersion: 'v1', kind: 'Pod', metadata };
  const short = explainShort(node, choices);
  events.record(subject, 'Normal', 'NetworksChosen', explain(node, choices));
  if (short !== undefined) events.record(subject, 'Warning', 'NetworksShort', short);
}
