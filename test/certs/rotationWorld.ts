import {
  type LeafFacts,
  planRotation,
  type RotationPolicy,
  type RotationStep,
  type StoredFacts,
  validFrom,
} from '../../certs/plan.ts';
import { Sighting } from '../../certs/sighting.ts';

/** All in ms. Times of the model are small, so that short histories hold several rotations. */
export const policy: RotationPolicy = {
  authority: { lifetimeMs: 1000, renewBeforeMs: 400 },
  leaf: { lifetimeMs: 300, renewBeforeMs: 100 },
  propagationMs: 20,
  overlapMs: 30,
};

interface Version<T> {
  at: number;
  value: T;
  /** Somebody else wrote it: what it does not trust is not our doing. */
  foreign: boolean;
}

type Secret = StoredFacts | undefined;

/** What a leader can tell of the Secret: who signed the leaf only while the authority is there, too. */
function readable(secret: Secret): StoredFacts {
  if (!secret) return { authorities: [], canSign: false };
  const { leaf, ...rest } = secret;
  if (!leaf) return rest;
  const { issuer, ...others } = leaf;
  const isKnown = secret.authorities.some(({ id }) => id === issuer);
  return { ...rest, leaf: { ...others, ...(isKnown && issuer !== undefined && { issuer }) } };
}

/** An object of the API server: its versions, the last of which is stored. */
class Stored<T> {
  readonly versions: Version<T>[];

  constructor(value: T) {
    this.versions = [{ at: -Infinity, value, foreign: true }];
  }

  get version(): number {
    return this.versions.length;
  }

  get value(): T {
    return this.versions.at(-1)!.value;
  }

  write(at: number, value: T, foreign: boolean): void {
    this.versions.push({ at, value, foreign });
  }

  /** The versions that were stored at any time from `since` on. */
  from(since: number): Version<T>[] {
    const first = this.versions.findLastIndex(({ at }) => at <= since);
    return this.versions.slice(Math.max(0, first));
  }
}

/** What one leader knows, until it dies. */
export class Leader {
  readonly trusted = new Sighting();
  readonly served = new Sighting();
  /** The caBundles that it has read already, before it reads the Secret. */
  peeked: { bundles: (readonly string[])[]; versions: number[] } | undefined;
  /** What it is about to write, by what it has read. */
  pending:
    | {
        step: RotationStep;
        secret: Secret;
        secretVersion: number;
        bundles: (readonly string[])[];
        bundleVersions: number[];
      }
    | undefined;
}

/** The Secret, the caBundles and the clocks, and what leaders and others do to them. */
export class World {
  clock = 0;
  /** Of the API server's wall clock against the time of the model. */
  wall = Date.UTC(2026, 0, 1);
  readonly secret = new Stored<Secret>(undefined);
  readonly bundles = [new Stored<readonly string[]>([]), new Stored<readonly string[]>([])];
  /** Authorities that others took out of everything that is stored, while replicas still served their leaves. */
  readonly lost = new Set<string>();
  #made = 0;

  get now(): number {
    return this.wall + this.clock;
  }

  /** Reads the caBundles. */
  peek(leader: Leader): void {
    leader.peeked = {
      bundles: this.bundles.map(({ value }) => value),
      versions: this.bundles.map(({ version }) => version),
    };
  }

  /** Reads the Secret, after the caBundles, and plans. */
  look(leader: Leader): RotationStep {
    if (!leader.peeked) this.peek(leader);
    const { bundles, versions: bundleVersions } = leader.peeked!;
    leader.peeked = undefined;
    const stored = readable(this.secret.value);
    const [first] = stored.authorities;
    const isTrusted = first !== undefined && bundles.every(bundle => bundle.includes(first.id));
    const isServed = first !== undefined && stored.leaf?.issuer === first.id;
    const step = planRotation(
      {
        stored,
        bundles,
        now: this.now,
        trustedMs: leader.trusted.look(isTrusted ? first.id : undefined, this.clock),
        servedMs: leader.served.look(isServed ? first.id : undefined, this.clock),
      },
      policy,
    );
    const { value: secret, version: secretVersion } = this.secret;
    leader.pending = { step, secret, secretVersion, bundles, bundleVersions };
    return step;
  }

  /** Writes what was planned, where what was read is still stored. @param only one of the caBundles: the leader dies before the other */
  act(leader: Leader, only?: number): void {
    const { pending } = leader;
    leader.pending = undefined;
    if (!pending) return;
    const stored: StoredFacts = pending.secret ?? { authorities: [], canSign: false };
    const writeSecret = (value: StoredFacts): void => {
      if (this.secret.version === pending.secretVersion) this.secret.write(this.clock, value, false);
    };
    const ids = stored.authorities.map(({ id }) => id);
    const writeBundles = (change: (bundle: readonly string[]) => string[]): void => {
      for (const [i, bundle] of this.bundles.entries()) {
        if (only !== undefined && only !== i) continue;
        if (bundle.version === pending.bundleVersions[i]) bundle.write(this.clock, change(bundle.value), false);
      }
    };
    switch (pending.step.do) {
      case 'create-authority': {
        const made = { id: `a${++this.#made}`, notBefore: validFrom, notAfter: this.now + policy.authority.lifetimeMs };
        writeSecret({ ...stored, authorities: [made, ...stored.authorities], canSign: true });
        return;
      }
      case 'adopt-authorities': {
        const found = [...new Set(pending.bundles.flat())].filter(id => !ids.includes(id));
        const adopted = found.map(id => ({ id, notBefore: validFrom, notAfter: 0 }));
        writeSecret({ ...stored, authorities: [...stored.authorities, ...adopted] });
        return;
      }
      case 'issue-leaf': {
        const [first] = stored.authorities;
        const notAfter = Math.min(first!.notAfter, this.now + policy.leaf.lifetimeMs);
        const leaf = { id: `l${++this.#made}`, issuer: first!.id, notBefore: validFrom, notAfter, fitsNames: true };
        writeSecret({ ...stored, leaf });
        return;
      }
      case 'retire-authorities':
        writeSecret({ ...stored, authorities: stored.authorities.slice(0, 1) });
        return;
      case 'trust':
        writeBundles(bundle => [...bundle, ...ids.filter(id => !bundle.includes(id))]);
        return;
      case 'distrust':
        writeBundles(bundle => bundle.filter(id => ids.includes(id)));
        return;
      case 'wait':
        return;
    }
  }

  tamper(what: () => void): void {
    what();
    const known = new Set([
      ...(this.secret.value?.authorities ?? []).map(({ id }) => id),
      ...this.bundles.flatMap(({ value }) => value),
    ]);
    const served = this.served();
    const lost = served.flatMap(({ issuer }) => (issuer !== undefined && !known.has(issuer) ? issuer : []));
    const isAnew = served.length === 0 && known.size === 0;
    if (lost.length === 0 && !isAnew) return;
    // Nobody can trust what replicas serve, or they serve nothing yet and all that was prepared is gone: the sooner there is something new the
    // better, whatever a slow API server still trusts.
    for (const issuer of lost) this.lost.add(issuer);
    for (const bundle of this.bundles) for (const version of bundle.versions) version.foreign = true;
  }

  /** Every leaf that some replica may serve: it takes less than the overlap to load a new one, and keeps its own while there is none. */
  served(): LeafFacts[] {
    const since = this.clock - policy.overlapMs + 1;
    const { versions } = this.secret;
    const lastGood = versions.filter(({ at, value }) => at <= since && value?.leaf).at(-1);
    const later = versions.filter(({ at }) => at > since);
    return [...(lastGood ? [lastGood] : []), ...later].flatMap(({ value }) => value?.leaf ?? []);
  }

  /** What no API server may do: distrust what a replica serves, by a caBundle that we wrote. */
  distrusted(): string[] {
    const problems: string[] = [];
    for (const { issuer, id } of this.served()) {
      if (issuer === undefined || this.lost.has(issuer)) continue;
      for (const bundle of this.bundles) {
        for (const { value, foreign } of bundle.from(this.clock - policy.propagationMs + 1)) {
          if (!foreign && !value.includes(issuer)) problems.push(`${id} of ${issuer} with ${value.join()}`);
        }
      }
    }
    return problems;
  }
}
