import { annotation, label } from '../api/names.ts';
import { isMultiNicError } from '../errors.ts';
import { selectNetworks } from '../pod/selectNetworks.ts';
import { factsOf, skipReason } from '../pod/skip.ts';
import type { DiagnosisFacts } from './facts.ts';
import { directoryOf } from './selection.ts';

/** Why admission has decided nothing about a pod, and what to do. */
export interface Undecided {
  text: string;
  fix: string;
}

/** @returns undefined where it has decided */
export function whyUndecided(facts: DiagnosisFacts): Undecided | undefined {
  const { pod, namespace } = facts;
  const { labels = {}, namespace: of = '' } = pod.metadata;
  // Another webhook may have moved it to the host network after it was decided on.
  if (label.injected in labels && !pod.spec?.hostNetwork) return undefined;
  const reason = skipReason(factsOf(pod, of), namespace.labels ?? {});
  if (reason !== undefined) {
    const fix =
      namespace.labels?.[label.injection] === 'enabled'
        ? 'If it should have NICs, change that in its manifest and create it again.'
        : `kubectl label namespace ${of} ${label.injection}=enabled, and create the pod again: only new pods get networks.`;
    return { text: `admission left it alone: ${reason}`, fix };
  }
  const again = wouldGet(facts);
  if (again !== undefined) {
    return { text: `admission was not asked: ${whenNotAsked(facts)}`, fix: `Create it again: it would ${again}.` };
  }
  const fix = `Name networks in its annotation ${annotation.ourNetworks}, and create it again.`;
  return { text: 'it selects no MultiNicNetwork', fix };
}

/** What would become of the pod today; undefined: it would get nothing. */
function wouldGet({ pod, namespace, networks }: DiagnosisFacts): string | undefined {
  try {
    const of = factsOf(pod, pod.metadata.namespace ?? '');
    const { selected } = selectNetworks(of, namespace.annotations ?? {}, directoryOf(networks));
    const names = selected.flatMap(({ network }) => network ?? []);
    return names.length === 0 ? undefined : `get ${names.join(', ')}`;
  } catch (error) {
    if (isMultiNicError(error)) return `be refused: ${error.detail}`;
    throw error;
  }
}

function whenNotAsked({ pod, registered }: DiagnosisFacts): string {
  const { creationTimestamp: created = '' } = pod.metadata;
  if (registered === 'none') return 'no webhook is registered (MNN_WEBHOOK_UNREGISTERED)';
  const later = registered !== undefined && registered > created;
  return `it was created at ${created}, before ${later ? `the webhook was registered at ${registered}` : 'its namespace had the label or it could select the network, or while no webhook was registered'}`;
}
