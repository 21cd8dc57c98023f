/** What planning needs to know of a certificate. Times are milliseconds since 1970. */
export interface CertificateFacts {
  id: string;
  notBefore: number;
  notAfter: number;
}

export interface LeafFacts extends CertificateFacts {
  /** Id of the stored authority that signed it; absent where none did. */
  issuer?: string;
  /** Whether it is good for every name that the API server calls us by. */
  fitsNames: boolean;
}

/** What the Secret has, as far as it can be used. */
export interface StoredFacts {
  /** Those that the API server should trust. The first one signs. */
  authorities: readonly CertificateFacts[];
  /** Whether the first one's key is there. */
  canSign: boolean;
  /** Absent where it is missing or cannot be served. */
  leaf?: LeafFacts;
}

export interface RotationState {
  stored: StoredFacts;
  /** Of each webhook, the ids of our authorities in its caBundle. */
  bundles: readonly (readonly string[])[];
  /** By the clock of the API server, because that is what checks validity. */
  now: number;
  /** For how long the planner's leader has seen the first authority in every caBundle, ms. */
  trustedMs: number;
  /** For how long the planner's leader has seen a leaf of the first authority in the Secret, ms. */
  servedMs: number;
}

/** How long a certificate lives, and how long before its end it is renewed. Milliseconds. */
export interface Lifetime {
  lifetimeMs: number;
  renewBeforeMs: number;
}

export interface RotationPolicy {
  authority: Lifetime;
  leaf: Lifetime;
  /** How long every API server may take to use a changed caBundle. */
  propagationMs: number;
  /** How long every replica may take to serve a changed leaf. */
  overlapMs: number;
}

export type RotationStep =
  /** Put a new authority before the stored ones. */
  | { do: 'create-authority'; reason: string }
  /** Add to the stored authorities those of ours that only caBundles have, because replicas may serve their leaves. */
  | { do: 'adopt-authorities' }
  /** Add to the caBundles what they lack of the stored authorities. */
  | { do: 'trust' }
  /** Have the first authority sign a new leaf. */
  | { do: 'issue-leaf'; reason: string }
  /** Keep only the first authority in the Secret. */
  | { do: 'retire-authorities' }
  /** Remove from the caBundles those authorities of ours that the Secret does not have. */
  | { do: 'distrust' }
  | { do: 'wait'; for: 'propagation' | 'overlap' | 'renewal' | 'clock'; ms: number };

/**
 * Certificates are valid from here on, whenever they were made: the key is new, so a later date would gain nothing, and a clock that was
 * ahead when they were made does not make them useless once it is right.
 */
export const validFrom = Date.UTC(2020, 0, 1);

const day = 24 * 3600 * 1000;

export const defaultPolicy: RotationPolicy = {
  authority: { lifetimeMs: 365 * day, renewBeforeMs: 120 * day },
  leaf: { lifetimeMs: 90 * day, renewBeforeMs: 30 * day },
  propagationMs: 60_000,
  overlapMs: 3600 * 1000,
};

/**
 * The next step towards good certificates that every API server trusts. Each step is safe alone: the leader may die after any, and another
 * one goes on from what is stored. The order that keeps trust: an authority is in the Secret, then in every caBundle, then (propagation)
 * signs the leaf; and only when (overlap) no replica can serve an earlier one's leaf any more, that one goes, from the Secret, then from
 * the caBundles. A caBundle that others have changed is repaired first.
 */
export function planRotation(state: RotationState, policy: RotationPolicy): RotationStep {
  const { stored, bundles, now } = state;
  const { authorities, leaf } = stored;
  if (now < validFrom) return { do: 'wait', for: 'clock', ms: Infinity };
  const [first] = authorities;
  const authorityReason = whyNewAuthority(stored, now, policy);
  if (!first || authorityReason !== undefined) return { do: 'create-authority', reason: authorityReason ?? 'none' };
  const isServed = leaf?.issuer === first.id;
  if (!isServed && hasOthers(bundles, authorities)) return { do: 'adopt-authorities' };
  if (bundles.some(bundle => authorities.some(({ id }) => !bundle.includes(id)))) return { do: 'trust' };

  const leafReason = whyNewLeaf(stored, first, now, policy);
  if (leafReason !== undefined) {
    // Nothing else that a replica may serve is trusted, so being early loses nothing.
    const isFirst = authorities.length === 1 && (leaf === undefined || isServed);
    const ms = isFirst ? 0 : policy.propagationMs - state.trustedMs;
    return ms > 0 ? { do: 'wait', for: 'propagation', ms } : { do: 'issue-leaf', reason: leafReason };
  }

  return whenAllIsGood(state, first, policy);
}

/** With a good leaf of the first authority: removes earlier authorities once that is safe, and otherwise waits for the next renewal. */
function whenAllIsGood(
  { stored, bundles, now, servedMs }: RotationState,
  first: CertificateFacts,
  policy: RotationPolicy,
): RotationStep {
  const { authorities, leaf } = stored;
  const renewalMs = Math.min(
    first.notAfter - policy.authority.renewBeforeMs - now,
    (leaf?.notAfter ?? Infinity) - policy.leaf.renewBeforeMs - now,
  );
  const hasOld = authorities.length > 1;
  if (!hasOld && !hasOthers(bundles, authorities)) return { do: 'wait', for: 'renewal', ms: renewalMs };
  const overlapMs = policy.overlapMs - servedMs;
  if (overlapMs > 0) return { do: 'wait', for: 'overlap', ms: Math.min(overlapMs, renewalMs) };
  return { do: hasOld ? 'retire-authorities' : 'distrust' };
}

/** Whether a caBundle has authorities of ours that are not stored. */
function hasOthers(bundles: RotationState['bundles'], authorities: readonly CertificateFacts[]): boolean {
  return bundles.some(bundle => bundle.some(id => authorities.every(other => other.id !== id)));
}

function whyNewAuthority(
  { authorities, canSign }: StoredFacts,
  now: number,
  policy: RotationPolicy,
): string | undefined {
  const [first] = authorities;
  if (!first) return 'there is none';
  if (!canSign) return 'its key is missing, or is that of another';
  if (first.notBefore > now) return 'it is not valid yet';
  if (first.notAfter - now <= policy.authority.renewBeforeMs) return 'it is due';
  return undefined;
}

function whyNewLeaf(
  { leaf }: StoredFacts,
  first: CertificateFacts,
  now: number,
  policy: RotationPolicy,
): string | undefined {
  if (!leaf) return 'there is none that can be served';
  if (leaf.issuer !== first.id) return 'another authority signed it';
  if (!leaf.fitsNames) return 'it lacks a name that the API server calls';
  if (leaf.notBefore > now) return 'it is not valid yet';
  if (leaf.notAfter - now <= policy.leaf.renewBeforeMs) return 'it is due';
  return undefined;
}
