import { annotation, apiGroup, label } from '../../core/api/names.ts';
import type { PodFacts } from '../../core/pod/skip.ts';

const ofPods: ReadonlySet<string> = new Set<string>([
  ...[annotation.ourNetworks, annotation.bestEffort],
  ...[annotation.reservation, annotation.reservationFor, annotation.foundInterfaces],
]);

/** How many names are told of, and how many characters of each, and of a value. */
const shownNames = 3;
const shownCharacters = 60;

/**
 * Labels and annotations of ours that nothing reads, because a name or a value is misspelt, or an annotation was written as a label: the pod gets other
 * networks than its author wanted, who would not know.
 */
export function unknownNameWarnings({ labels, annotations }: Pick<PodFacts, 'labels' | 'annotations'>): string[] {
  const names = (of: Readonly<Record<string, string>>, known: (name: string) => boolean): string[] =>
    Object.keys(of).filter(name => name.startsWith(`${apiGroup}/`) && !known(name));
  const { [label.injection]: injection } = labels;
  const { [annotation.bestEffort]: bestEffort } = annotations;
  return [
    ...noEffect(
      'annotation',
      names(annotations, name => ofPods.has(name)),
      `pods have ${annotation.ourNetworks} and ${annotation.bestEffort}`,
    ),
    ...noEffect(
      'label',
      names(labels, name => name === label.injection || name === label.injected),
      `pods have ${label.injection}, and annotations for networks`,
    ),
    ...wrongValue(`label ${label.injection}`, injection, ['enabled', 'disabled'], '"disabled" leaves a pod alone'),
    ...wrongValue(`annotation ${annotation.bestEffort}`, bestEffort, ['true', 'false'], 'write "true"'),
  ];
}

function noEffect(what: string, names: readonly string[], hint: string): string[] {
  const more = names.length > shownNames ? [`${names.length - shownNames} more have no effect`] : [];
  return [
    ...names.slice(0, shownNames).map(name => `${what} ${name.slice(0, shownCharacters)} has no effect: ${hint}`),
    ...more.map(text => `${what}s: ${text}`),
  ];
}

function wrongValue(where: string, value: string | undefined, right: readonly string[], hint: string): string[] {
  if (value === undefined || value === '' || right.includes(value)) return [];
  return [`${where}: "${value.slice(0, shownCharacters)}" has no effect: ${hint}`];
}
