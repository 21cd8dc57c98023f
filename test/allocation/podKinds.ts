import { annotation } from '../../core/api/names.ts';
import type { Pod } from '../../kube/api/resources.ts';
import type { NodeName } from './setting.ts';
import { namespace } from './setting.ts';

/**
 * Pods by when they get their addresses: `train` when bound, from the node's pool; `daemon` when created, from it; `flat` when created, from a
 * page; `named` when bound, from a page; `both` and `twice` some when created and some when bound, `twice` all from pages; `pinned` when created, as it
 * names its node.
 */
export const podKinds = ['train', 'daemon', 'flat', 'named', 'both', 'twice', 'pinned'] as const;
export type PodKind = (typeof podKinds)[number];

/** Kinds that get addresses of pages when they are bound: each replica that is asked may take its own. */
export const inPagesAtBind: ReadonlySet<PodKind> = new Set(['named', 'twice']);

const named = { name: 'flat', 'cni-args': { masters: ['eth1', 'eth2'] } };

const selections: Record<PodKind, string> = {
  train: 'train',
  daemon: 'train',
  flat: 'flat',
  named: JSON.stringify([named]),
  both: 'train,flat',
  twice: JSON.stringify([{ name: 'flat' }, named]),
  pinned: 'flat,train',
};

/** The pod as its owner posts it. @param copied annotations of another pod that it was copied from */
export function podAsPosted(kind: PodKind, name: string, node: NodeName, copied: Record<string, string> = {}): Pod {
  const required = {
    nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: {}, annotations: { [annotation.networks]: selections[kind], ...copied } },
    spec: {
      containers: [{ name: 'main', image: 'pause' }],
      tolerations: [{ operator: 'Exists' }],
      ...(kind === 'pinned' && { nodeName: node }),
      ...(kind === 'daemon' && {
        affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
      }),
    },
  };
}
