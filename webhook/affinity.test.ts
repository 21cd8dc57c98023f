import { expect } from 'chai';
import fc from 'fast-check';
import jsonpatch from 'jsonpatch';
import type { NodeRequirement, Placement } from '../core/pod/knownNode.ts';
import { affinityOperations } from './affinity.ts';
import type { AdmittedPod } from './pod.ts';

const key = 'nics.multinic.fms.io/net';
const atLeast4: NodeRequirement = { key, operator: 'Gt', values: ['3'] };

function podWith(affinity: Placement['affinity']): AdmittedPod {
  return { metadata: {}, spec: { containers: [], ...(affinity && { affinity }) } };
}

function termsOf({ spec }: AdmittedPod) {
  return spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
}

function patched(pod: AdmittedPod, labels = new Map([[key, 4]])): AdmittedPod {
  return jsonpatch.apply_patch(pod, affinityOperations(pod, labels));
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

describe('the node affinity of a pod that asks for several NICs', () => {
  it('is in every alternative that a node can meet, beside what the user wrote', () => {
    fc.assert(
      fc.property(anyAffinity, affinity => {
        const before = podWith(affinity);
        const terms = termsOf(patched(before)) ?? [];
        const old = termsOf(before) ?? [];
        expect(terms).to.have.length(Math.max(1, old.length));
        for (const [i, { matchExpressions = [], ...rest }] of terms.entries()) {
          const { matchExpressions: own = [], ...others } = old[i] ?? {};
          const matchesNothing = old[i] !== undefined && own.length === 0 && !old[i].matchFields?.length;
          expect(matchExpressions).to.deep.equal(matchesNothing ? own : [atLeast4, ...own]);
          expect(rest).to.deep.equal(others);
        }
        const after = patched(before).spec.affinity;
        expect({ ...after, nodeAffinity: undefined }).to.deep.equal({ ...affinity, nodeAffinity: undefined });
      }),
    );
  });

  it('is not added twice', () => {
    fc.assert(
      fc.property(anyAffinity, affinity => {
        expect(affinityOperations(patched(podWith(affinity)), new Map([[key, 4]]))).to.deep.equal([]);
      }),
    );
  });

  it('is left alone where nothing is asked', () => {
    expect(affinityOperations(podWith(undefined), new Map())).to.deep.equal([]);
  });
});
