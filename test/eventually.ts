import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than most things take that come at all, on a machine that does much besides. */
const patienceMs = 120_000;

type Answer<T> = Exclude<NonNullable<T>, false>;

/**
 * Asks again and again until the answer is there: neither undefined, null nor false. The limit only keeps a failing test from hanging.
 * @throws where it does not come, with what the last asking threw
 */
export async function eventually<T>(what: string, ask: () => Promise<T> | T, limitMs = patienceMs): Promise<Answer<T>> {
  const until = performance.now() + limitMs;
  for (;;) {
    let failure: unknown;
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer as Answer<T>;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > until) {
      const why = failure instanceof Error ? ` (${failure.message})` : '';
      throw new Error(`Waited ${limitMs} ms in vain for: ${what}${why}`, { cause: failure });
    }
    await sleep(50);
  }
}
