import { annotation } from '../../core/api/names.ts';
import type { Pod } from '../../kube/api/resources.ts';
import type { NodeName } from './setting.ts';
import { namespace } from './setting.ts';

/**
 * Pods by when they get their addresses: `train` when bound, from the node's pool; `daemon` when created, from it; `flat` when created, from a
 * page; `named` when bound, from a page; `both` some when created and some when bound; `pinned` when created, as it names its node.
 */
export const podKinds = ['train', 'daemon', 'flat', 'named', 'both', 'pinned'] as const;
export type PodKind = (typeof podKinds)[number];

const selections: Record<PodKind, string> = {
  train: 'train',
  daemon: 'train',
  flat: 'flat',
  named: JSON.stringify([{ name: 'flat', 'cni-args': { masters: ['eth1', 'eth2'] } }]),
  both: 'train,flat',
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
