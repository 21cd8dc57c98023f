import type { KubeObject } from '../../kube/api/types.ts';

/** Prefixes of annotations by which others mark what they keep: certificates that they issue, caBundles that they inject. */
const marks = ['cert-manager.io/', 'service.beta.openshift.io/'];

/** What says that somebody else keeps the certificates, for people; undefined where nothing does. */
export function keeperOf(objects: readonly (KubeObject | undefined)[]): string | undefined {
  for (const object of objects) {
    const found = Object.keys(object?.metadata.annotations ?? {}).find(name =>
      marks.some(prefix => name.startsWith(prefix)),
    );
    if (found !== undefined)
      return `${object?.kind ?? 'Secret'} ${object?.metadata.name ?? ''} has the annotation ${found}`;
  }
  return undefined;
}
