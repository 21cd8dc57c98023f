/** The p-th percentile (0 to 100) of samples, by the nearest rank; NaN of none. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN;
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 50);
}

/** Milliseconds that some work takes. */
export async function timed(work: () => Promise<unknown> | void): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * Takes samples of several subjects in turns, so that what else the machine does meets all of them alike.
 * @param subjects each gives one sample a call; it is told the number of the round
 * @param warmUp rounds that do not count
 * @returns each subject's samples, in order
 */
export async function alternate<Name extends string>(
  rounds: number,
  subjects: Readonly<Record<Name, (round: number) => Promise<number>>>,
  warmUp = 1,
): Promise<Record<Name, number[]>> {
  const entries = Object.entries(subjects) as [Name, (round: number) => Promise<number>][];
  const samples = Object.fromEntries(entries.map(([name]) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = -warmUp; round < rounds; round++) {
    for (const [name, sample] of entries) {
      const taken = await sample(round);
      if (round >= 0) samples[name].push(taken);
    }
  }
  return samples;
}
