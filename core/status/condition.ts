import type { Condition } from '../api/types.ts';

/** A condition without the time since when it holds. */
export type NewCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/**
 * The conditions to store: each new one keeps the transition time of the stored one of its type while the status is the same
 * (meta/v1 Condition: lastTransitionTime is when `status` changed). Stored ones of other types are kept: others may write them.
 */
export function mergeConditions(
  stored: readonly Condition[],
  news: readonly NewCondition[],
  observedGeneration: number,
  now: Date,
): Condition[] {
  const fresh = news.map(({ type, status, reason, message }): Condition => {
    const before = stored.find(condition => condition.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : secondsOf(now);
    return { type, status, reason, message, lastTransitionTime, observedGeneration };
  });
  return [...fresh, ...stored.filter(({ type }) => !news.some(condition => condition.type === type))];
}

/** RFC 3339 without fractions: meta/v1 Time drops them, so what is read back equals what was written. */
export function secondsOf(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** How many names a message tells. */
const mostNames = 5;

/** Names for a message: the first few, and how many more there are. */
export function listNames(names: readonly string[]): string {
  const more = names.length - mostNames;
  return more > 0 ? `${names.slice(0, mostNames).join(', ')} and ${more} more` : names.join(', ');
}
