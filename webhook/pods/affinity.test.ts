import { expect } from 'chai';
import fc from 'fast-check';
import jsonpatch from 'jsonpatch';
import type { NodeRequirement, Placement } from '../../core/pod/knownNode.ts';
import type { AdmittedPod } from '../review/pod.ts';
import { affinityOperations } from './affinity.ts';

const key = 'nics.multinic.fms.io/net';
const atLeast4: NodeRequirement = { key, operator: 'Gt', values: ['3'] };

function podWith(affinity: Placement['affinity']): AdmittedPod {
  return { metadata: {}, spec: { containers: [], ...(affinity && { affinity }) } };
}

function termsOf({ spec }: AdmittedPod) {
  return spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
}

const needs = { labels: new Map([[key, 4]]), node: 'n-1' };
const only: NodeRequirement = { key: 'metadata.name', operator: 'In', values: ['n-1'] };

function patched(pod: AdmittedPod): AdmittedPod {
  return jsonpatch.apply_patch(pod, affinityOperations(pod, needs));
}

const requirement = fc.record({
  key: fc.constantFrom('zone', 'gpu'),
  operator: fc.constant('In'),
  values: fc.constant(['a']),
});
const term = fc.record(
  { matchExpressions: fc.array(requirement, { maxLength: 2 }), matchFields: fc.array(requirement, { maxLength: 1 }) },
  { requiredKeys: [] },
);
const required = fc.record({ nodeSelectorTerms: fc.array(term, { maxLength: 3 }) });
const anyAffinity = fc.option(
  fc.record(
    {
      podAffinity: fc.constant({}),
      nodeAffinity: fc.record({ requiredDuringSchedulingIgnoredDuringExecution: required }, { requiredKeys: [] }),
    },
    { requiredKeys: [] },
  ),
  { nil: undefined },
) as fc.Arbitrary<Placement['affinity']>;

describe('the node affinity of a pod', () => {
  it('is in every alternative that a node can meet, beside what the user wrote', () => {
    fc.assert(
      fc.property(anyAffinity, affinity => {
        const before = podWith(affinity);
        const terms = termsOf(patched(before)) ?? [];
        const old = termsOf(before) ?? [];
        expect(terms).to.have.length(Math.max(1, old.length));
        for (const [i, { matchExpressions = [], matchFields = [] }] of terms.entries()) {
          const { matchExpressions: labels = [], matchFields: fields = [] } = old[i] ?? {};
          const matchesNothing = old[i] !== undefined && labels.length === 0 && fields.length === 0;
          expect(matchExpressions).to.deep.equal(matchesNothing ? labels : [atLeast4, ...labels]);
          expect(matchFields).to.deep.equal(matchesNothing ? fields : [only, ...fields]);
        }
        const after = patched(before).spec.affinity;
        expect({ ...after, nodeAffinity: undefined }).to.deep.equal({ ...affinity, nodeAffinity: undefined });
      }),
    );
  });

  it('is not added twice', () => {
    fc.assert(
      fc.property(anyAffinity, affinity => {
        expect(affinityOperations(patched(podWith(affinity)), needs)).to.deep.equal([]);
      }),
    );
  });

  it('names only what is asked for', () => {
    const [labelled] =
      termsOf(
        jsonpatch.apply_patch(podWith(undefined), affinityOperations(podWith(undefined), { labels: needs.labels })),
      ) ?? [];
    expect(labelled).to.deep.equal({ matchExpressions: [atLeast4] });
    const [named] =
      termsOf(jsonpatch.apply_patch(podWith(undefined), affinityOperations(podWith(undefined), { node: 'n-1' }))) ?? [];
    expect(named).to.deep.equal({ matchFields: [only] });
  });

  it('is left alone where nothing is asked', () => {
    expect(affinityOperations(podWith(undefined), { labels: new Map() })).to.deep.equal([]);
  });
});
