import type { Logger } from 'pino';
import type { KubeClient } from '../api/client.ts';
import { sleep } from '../api/deadline.ts';
import { isConflict, isLostRace } from '../api/errors.ts';
import type { Lease } from '../api/resources.ts';
import { type Runnable, untilAborted } from '../process/lifecycle.ts';
import { Term } from './leaderTerm.ts';
import { type LeaseLock, leaseLock } from './leaseLock.ts';

export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Unique among the candidates, also across restarts: the pod's name and a UUID. */
  readonly identity: string;
  readonly logger: Logger;
  /**
   * The leader's work. The signal aborts when it no longer leads or is to stop: the work must then end soon, as another
   * candidate takes over. If it rejects, so does start().
   */
  readonly onStarted: (signal: AbortSignal) => Promise<void>;
  /** How long other candidates wait for a leader that has gone silent. Default 15,000. */
  readonly leaseDurationMs?: number;
  /** How long the leader goes on leading when it cannot renew. Shorter than leaseDurationMs. Default 10,000. */
  readonly renewDeadlineMs?: number;
  /** Time between renewals, and roughly that between attempts to become leader. Default 2,000. */
  readonly retryPeriodMs?: number;
  /** For metrics. */
  readonly observer?: { leading?(lease: string, leading: boolean): void } | undefined;
}

interface Observed {
  /** Undefined where it was deleted. */
  readonly resourceVersion: string | undefined;
  /** When this state was first seen here, by the monotonic clock: the holder's own times are not trusted. */
  readonly at: number;
}

/**
 * Leader election on a coordination.k8s.io/v1 Lease, by the rules of client-go: whoever renews it leads; others take it
 * over when it has not changed for its duration, measured on their own clocks. A leader that cannot renew in time, or whose
 * process was paused, stops leading before another one starts.
 */
export class LeaderElector implements Runnable {
  readonly name: string;
  readonly #options: LeaderElectionOptions;
  readonly #lease: string;
  readonly #lock: LeaseLock;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  #observed: Observed | undefined;
  #term: Term | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#lease = `${options.lease.namespace}/${options.lease.name}`;
    this.name = `leader election ${this.#lease}`;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    if (!(this.#retryPeriodMs < this.#renewDeadlineMs && this.#renewDeadlineMs < this.#leaseDurationMs)) {
      throw new RangeError(
        `Expected retryPeriodMs < renewDeadlineMs < leaseDurationMs, got ${this.#retryPeriodMs}, ${this.#renewDeadlineMs}, ${this.#leaseDurationMs}`,
      );
    }
    this.#lock = leaseLock(options.client, options.lease, options.identity, this.#leaseDurationMs);
  }

  /** Whether this process leads, by the clock: true until the renew deadline after the last renewal at the latest. */
  get isLeader(): boolean {
    return this.#term?.isCurrent ?? false;
  }

  /**
   * Stands as a candidate, and leads when elected, until the signal aborts. Then it waits for the leader's work to end and gives
   * up the lease. After losing the lease it is a candidate again.
   *
   * @throws what onStarted rejects with
   */
  async start(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const taken = await this.#tryToTake(signal);
      if (taken) await this.#lead(new Term(taken.held, signal, taken.asked + this.#renewDeadlineMs));
      // Spread out, so that not all candidates ask at the same moment.
      else await sleep(this.#retryPeriodMs * (1 + 1.2 * Math.random()), signal);
    }
  }

  /** @returns the lease, and when it was written at the earliest: others begin to wait after that */
  async #tryToTake(signal: AbortSignal): Promise<{ held: Lease; asked: number } | undefined> {
    try {
      const stored = await this.#lock.read(this.#callTimeoutMs, signal);
      if (!this.#isFree(stored)) return undefined;
      const asked = performance.now();
      return { held: await this.#lock.take(stored, this.#callTimeoutMs, signal), asked };
    } catch (error) {
      if (!signal.aborted && !isLostRace(error)) {
        this.#options.logger.warn({ err: error, lease: this.#lease }, 'the lease cannot be read or taken, going on');
      }
      return undefined;
    }
  }

  #isFree(stored: Lease | undefined): boolean {
    if (!stored && !this.#observed) return true;
    // That there is none any more is a state like others: whoever held it may have renewed it since the last look, and leads on until that is over.
    const resourceVersion = stored?.metadata.resourceVersion;
    if (this.#observed?.resourceVersion !== resourceVersion)
      this.#observed = { resourceVersion, at: performance.now() };
    const { holderIdentity, leaseDurationSeconds } = stored?.spec ?? {};
    if (stored && !holderIdentity) return true;
    const duration = leaseDurationSeconds === undefined ? this.#leaseDurationMs : leaseDurationSeconds * 1000;
    return performance.now() - (this.#observed?.at ?? Infinity) > duration;
  }

  async #lead(term: Term): Promise<void> {
    const { logger, identity, onStarted, observer } = this.#options;
    this.#term = term;
    logger.info({ lease: this.#lease, identity }, 'leading');
    observer?.leading?.(this.#lease, true);
    const renewing = this.#renew(term);
    try {
      await Promise.all([onStarted(term.leading), untilAborted(term.leading)]);
    } finally {
      term[Symbol.dispose]();
      await renewing;
      observer?.leading?.(this.#lease, false);
      if (term.lost) logger.error({ lease: this.#lease }, 'leadership lost');
      else await this.#release();
    }
  }

  /** Goes on while the leader's work is ending, so that nobody takes over too early. Never rejects. */
  async #renew(term: Term): Promise<void> {
    for (;;) {
      await sleep(this.#retryPeriodMs, term.over);
      if (term.over.aborted) return;
      if (!term.isCurrent) term.lose();
      const asked = performance.now();
      try {
        term.held = await this.#lock.renew(term.held, this.#callTimeoutMs, term.over);
        term.extend(asked + this.#renewDeadlineMs);
      } catch (error) {
        if (term.over.aborted) return;
        if (isConflict(error)) await this.#reread(term);
        else this.#options.logger.warn({ err: error, lease: this.#lease }, 'the lease cannot be renewed, trying again');
      }
    }
  }

  /** A conflict: a renewal of ours arrived though its answer did not, or somebody else holds the lease. */
  async #reread(term: Term): Promise<void> {
    try {
      const stored = await this.#lock.read(this.#callTimeoutMs, term.over);
      if (stored?.spec?.holderIdentity === this.#options.identity) term.held = stored;
      else term.lose();
    } catch (error) {
      if (term.over.aborted) return;
      this.#options.logger.warn({ err: error, lease: this.#lease }, 'the lease cannot be read, trying again');
    }
  }

  async #release(): Promise<void> {
    try {
      // Read first: it is not known whether a renewal that was just cancelled arrived.
      const stored = await this.#lock.read(this.#callTimeoutMs);
      if (stored?.spec?.holderIdentity === this.#options.identity)
        await this.#lock.release(stored, this.#callTimeoutMs);
    } catch (error) {
      this.#options.logger.warn({ err: error, lease: this.#lease }, 'the lease was not given up; it will expire');
    }
  }

  get #callTimeoutMs(): number {
    return this.#renewDeadlineMs / 2;
  }
}
