import { annotation, attachmentsKey, label } from '../../core/api/names.ts';
import type { Pod } from '../../kube/api/resources.ts';

interface Way {
  argv: readonly string[];
  /** What kubectl reads where it is told to read. */
  input?: object;
}

/**
 * Each way that kubectl has to change what was decided for a pod.
 * @param networks what is written in place of its annotation
 */
export function waysOfWriting({ metadata, ...rest }: Pod, networks: string): Record<string, Way> {
  const { name, namespace, annotations = {} } = metadata;
  const written = { metadata: { name, namespace, annotations: { [annotation.networks]: networks } } };
  const whole = {
    ...rest,
    metadata: { ...metadata, annotations: { ...annotations, [annotation.networks]: networks } },
  };
  const tooDeep = `[{"name":"routed","cni-args":{"${attachmentsKey}":${'['.repeat(20_000)}${']'.repeat(20_000)}}}]`;
  const path = `/metadata/annotations/${annotation.networks.replaceAll('/', '~1')}`;
  const patch = (change: object, ...type: string[]): Way => ({
    argv: ['patch', 'pod', name, ...type, '-p', JSON.stringify(change)],
  });
  const annotate = (...more: string[]): Way => ({ argv: ['annotate', 'pod', name, ...more] });
  const relabel = (...more: string[]): Way => ({ argv: ['label', 'pod', name, ...more] });
  return {
    'merge patch': patch(written, '--type=merge'),
    'strategic merge patch': patch(written),
    'JSON patch': patch([{ op: 'replace', path, value: networks }], '--type=json'),
    'removal by JSON patch': patch([{ op: 'remove', path }], '--type=json'),
    annotate: annotate('--overwrite', `${annotation.networks}=${networks}`),
    'attachments that are nested too deep to be compared': annotate('--overwrite', `${annotation.networks}=${tooDeep}`),
    'removal by annotate': annotate(`${annotation.networks}-`),
    'a reservation of his own': annotate(`${annotation.reservation}=00000000-0000-0000-0000-000000000001`),
    'removal of the label': relabel(`${label.injected}-`),
    'another label': relabel('--overwrite', `${label.injected}=no`),
    'server-side apply': {
      argv: ['apply', '--server-side', '--force-conflicts', '-f', '-'],
      input: { apiVersion: 'v1', kind: 'Pod', ...written },
    },
    replace: { argv: ['replace', '-f', '-'], input: whole },
  };
}
