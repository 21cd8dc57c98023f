import type { IPPool } from '../../core/api/types.ts';
import type { PoolContent } from '../../core/pool/content.ts';

/** The outcome of a change to a pool. */
export interface Applied<T> {
  /** Undefined: nothing is changed. */
  content: PoolContent | undefined;
  result: T;
  /** Whether a result that changes nothing is valid even if it is based on old content. Default: false. */
  holds?: boolean;
}

/** One change that waits for a pool. */
export interface Change<T> {
  /** The object to create if there is none; absent: without an object there is nothing to change. */
  ifAbsent?: () => IPPool;
  /**
   * Applies the change to the pool's content. Called again, on newer content, after a conflict; an error that it throws fails
   * only this change.
   * @param pool the object that has the content; undefined where there is none
   */
  apply(before: PoolContent, pool: IPPool | undefined): Applied<T>;
  timeoutMs: number;
  dryRun: boolean;
  /** How long it may wait to be written together with others, ms. Default: not at all. */
  patienceMs?: number;
}

/** A change, and who waits for it. */
export interface Waiting extends Change<unknown> {
  deadline: number;
  /** When it is written even if it is the only one. */
  due: number;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

type Outcome = { ok: true; result: unknown; holds: boolean } | { ok: false; error: unknown };

/** Applies changes one after the other. @returns the content that is left, the same object where nothing is to be written */
export function applyAll(
  changes: readonly Waiting[],
  before: PoolContent,
  pool: IPPool | undefined,
): { content: PoolContent; outcomes: Outcome[] } {
  let content = before;
  const outcomes = changes.map((change): Outcome => {
    try {
      const applied = change.apply(content, pool);
      if (applied.content && !change.dryRun) content = applied.content;
      return { ok: true, result: applied.result, holds: applied.holds ?? false };
    } catch (error) {
      return { ok: false, error };
    }
  });
  return { content, outcomes };
}

/** Tells those who wait what has become of their changes. @param outcomes in the same order */
export function answer(changes: readonly Waiting[], outcomes: readonly Outcome[]): void {
  for (const [i, change] of changes.entries()) {
    const outcome = outcomes[i];
    if (outcome?.ok) change.resolve(outcome.result);
    else change.reject(outcome?.error);
  }
}
