import { expect } from 'chai';
import jsonpatch from 'jsonpatch';
import type { NodeSelectorTerm } from '../../core/pod/knownNode.ts';
import type { AdmittedPod } from '../review/pod.ts';
import { keepAffinity } from './keepAffinity.ts';

const nics = { key: 'nics.multinic.fms.io/net', operator: 'Gt', values: ['1'] };
const other = { ...nics, key: 'nics.multinic.fms.io/other' };
const zone = { key: 'zone', operator: 'In', values: ['a'] };
const node = { key: 'metadata.name', operator: 'In', values: ['n-1'] };

function podWith(nodeSelectorTerms: NodeSelectorTerm[], element: object = {}): AdmittedPod {
  const networks = JSON.stringify([{ name: 'net', ...element }]);
  return {
    metadata: { annotations: { 'k8s.v1.cni.cncf.io/networks': networks } },
    spec: {
      containers: [],
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
    },
  };
}

describe('the node affinity of a pod whose manifest is applied again', () => {
  const ips = ['10.0.0.7'];
  const empty = {};
  for (const [what, before, after] of [
    ['NICs', podWith([{ matchExpressions: [nics, zone] }, empty]), podWith([{ matchExpressions: [zone] }, empty])],
    [
      'NICs, of fields alone',
      podWith([{ matchExpressions: [nics], matchFields: [node] }]),
      podWith([{ matchFields: [node] }]),
    ],
    [
      'addresses',
      podWith([{ matchExpressions: [zone], matchFields: [node] }], { ips }),
      podWith([{ matchExpressions: [zone] }]),
    ],
  ] as const) {
    it(`is put back: what was added for ${what}`, () => {
      expect(jsonpatch.apply_patch(after, keepAffinity(before, after)).spec).to.deep.equal(before.spec);
    });
  }

  for (const [what, before, after] of [
    ['is the same', podWith([{ matchExpressions: [nics, zone] }]), podWith([{ matchExpressions: [nics, zone] }])],
    ['lost a term', podWith([{ matchExpressions: [nics, zone] }, {}]), podWith([{ matchExpressions: [zone] }])],
    ['lost all terms', podWith([{ matchExpressions: [nics, zone] }]), podWith([])],
    [
      'has another requirement',
      podWith([{ matchExpressions: [nics, zone] }]),
      podWith([{ matchExpressions: [other] }]),
    ],
    [
      'lost one for another network',
      podWith([{ matchExpressions: [other, zone] }]),
      podWith([{ matchExpressions: [zone] }]),
    ],
    ['lost a node that its author chose', podWith([{ matchFields: [node] }]), podWith([{}])],
    ['has one more', podWith([{ matchExpressions: [nics] }]), podWith([{ matchExpressions: [nics, zone] }])],
  ] as const) {
    it(`is left to the API server where it ${what}`, () => {
      expect(keepAffinity(before, after)).to.deep.equal([]);
    });
  }
});
