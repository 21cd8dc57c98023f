import { expect } from 'chai';
import { defaultPolicy, type LeafFacts, planRotation, type RotationState, validFrom } from './plan.ts';

const day = 24 * 3600 * 1000;
const now = Date.UTC(2026, 5, 1);
const { propagationMs, overlapMs } = defaultPolicy;

const authority = (id: string, days: number) => ({ id, notBefore: validFrom, notAfter: now + days * day });
const leaf = (issuer: string, days: number, more: Partial<LeafFacts> = {}): LeafFacts => ({
  ...{ id: `leaf of ${issuer}`, notBefore: validFrom, notAfter: now + days * day, issuer, fitsNames: true },
  ...more,
});

const [old, current] = [authority('old', 100), authority('new', 365)];
const steady = { authorities: [current], canSign: true, leaf: leaf('new', 90) };

/** Everything as it is most of the time, but for what a row changes. */
function state(more: Partial<RotationState>): RotationState {
  return { stored: steady, bundles: [['new'], ['new']], now, trustedMs: 0, servedMs: 0, ...more };
}

describe('the plan of a rotation', () => {
  const rows: Record<string, [RotationState, object]> = {
    'nothing is due': [state({}), { do: 'wait', for: 'renewal', ms: 60 * day }],
    'there are no webhooks yet': [state({ bundles: [] }), { do: 'wait', for: 'renewal', ms: 60 * day }],
    'there is nothing at all': [
      state({ stored: { authorities: [], canSign: false }, bundles: [[], []] }),
      { do: 'create-authority', reason: 'there is none' },
    ],
    'an authority was made, and nobody trusts it': [
      state({ stored: { authorities: [current], canSign: true }, bundles: [[], ['new']] }),
      { do: 'trust' },
    ],
    'a caBundle has an authority that the Secret lost': [
      state({ stored: { authorities: [current], canSign: true }, bundles: [['old'], []] }),
      { do: 'adopt-authorities' },
    ],
    'the first authority is trusted': [
      state({ stored: { authorities: [current], canSign: true } }),
      { do: 'issue-leaf', reason: 'there is none that can be served' },
    ],
    'the authority is due': [
      state({ stored: { ...steady, authorities: [authority('new', 120)] } }),
      { do: 'create-authority', reason: 'it is due' },
    ],
    'the authority cannot sign': [
      state({ stored: { ...steady, canSign: false } }),
      { do: 'create-authority', reason: 'its key is missing, or is that of another' },
    ],
    'the authority is of a later time': [
      state({ stored: { ...steady, authorities: [{ ...current, notBefore: now + 1 }] } }),
      { do: 'create-authority', reason: 'it is not valid yet' },
    ],
    'one of two caBundles was emptied': [state({ bundles: [['new'], []] }), { do: 'trust' }],
    'a caBundle was emptied, and the leaf is due': [
      state({ stored: { ...steady, leaf: leaf('new', 1) }, bundles: [[], []] }),
      { do: 'trust' },
    ],
    'a new authority was seen in every caBundle just now': [
      state({
        stored: { authorities: [current, old], canSign: true, leaf: leaf('old', 90) },
        bundles: [['old', 'new']],
      }),
      { do: 'wait', for: 'propagation', ms: propagationMs },
    ],
    'a new authority has propagated': [
      state({
        stored: { authorities: [current, old], canSign: true, leaf: leaf('old', 90) },
        bundles: [['old', 'new']],
        trustedMs: propagationMs,
      }),
      { do: 'issue-leaf', reason: 'another authority signed it' },
    ],
    'the leaf is of an authority that is not ours': [
      state({ stored: { ...steady, leaf: { ...leaf('', 90), issuer: undefined } as unknown as LeafFacts } }),
      { do: 'wait', for: 'propagation', ms: propagationMs },
    ],
    'the leaf is due': [
      state({ stored: { ...steady, leaf: leaf('new', 30) } }),
      { do: 'issue-leaf', reason: 'it is due' },
    ],
    'the leaf has expired, by a clock that jumped': [
      state({ stored: { ...steady, leaf: leaf('new', -1000) } }),
      { do: 'issue-leaf', reason: 'it is due' },
    ],
    'the leaf is of a later time': [
      state({ stored: { ...steady, leaf: leaf('new', 90, { notBefore: now + 1 }) } }),
      { do: 'issue-leaf', reason: 'it is not valid yet' },
    ],
    'the leaf lacks a name': [
      state({ stored: { ...steady, leaf: leaf('new', 90, { fitsNames: false }) } }),
      { do: 'issue-leaf', reason: 'it lacks a name that the API server calls' },
    ],
    'the new leaf was seen just now': [
      state({ stored: { ...steady, authorities: [current, old] }, bundles: [['old', 'new']] }),
      { do: 'wait', for: 'overlap', ms: overlapMs },
    ],
    'every replica has the new leaf': [
      state({ stored: { ...steady, authorities: [current, old] }, bundles: [['old', 'new']], servedMs: overlapMs }),
      { do: 'retire-authorities' },
    ],
    'a caBundle has an authority that went': [
      state({ bundles: [['old', 'new'], ['new']], servedMs: overlapMs }),
      { do: 'distrust' },
    ],
    'a caBundle has an authority that somebody may still serve': [
      state({ bundles: [['old', 'new'], ['new']], servedMs: overlapMs - 1 }),
      { do: 'wait', for: 'overlap', ms: 1 },
    ],
    'the clock is before all certificates': [state({ now: 0 }), { do: 'wait', for: 'clock', ms: Infinity }],
  };
  for (const [what, [given, step]] of Object.entries(rows)) {
    it(what, () => {
      expect(planRotation(given, defaultPolicy)).to.deep.equal(step);
    });
  }
});
