import { setTimeout as sleep } from 'node:timers/promises';

/** What became of a number of requests. */
export interface Load<T> {
  readonly results: readonly T[];
  /** Of each request, ms, in the order of their ends. */
  readonly latencies: readonly number[];
  /** Requests a second over all of it. */
  readonly rate: number;
}

/** Sends `count` requests, `concurrency` at a time: as fast as they are answered. */
export async function closedLoop<T>(
  count: number,
  concurrency: number,
  send: (i: number) => Promise<T>,
): Promise<Load<T>> {
  const results: T[] = [];
  const latencies: number[] = [];
  let next = 0;
  const started = performance.now();
  const worker = async (): Promise<void> => {
    while (next < count) {
      const i = next++;
      const start = performance.now();
      results[i] = await send(i);
      latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { results, latencies, rate: (count / (performance.now() - started)) * 1000 };
}

/** Sends `count` requests at a given rate a second, whether or not earlier ones are answered: latencies count from the planned time. */
export async function openLoop<T>(count: number, perSecond: number, send: (i: number) => Promise<T>): Promise<Load<T>> {
  const results: T[] = [];
  const latencies: number[] = [];
  const started = performance.now();
  const one = async (i: number): Promise<void> => {
    const planned = started + (i * 1000) / perSecond;
    const early = planned - performance.now();
    if (early > 0) await sleep(early);
    results[i] = await send(i);
    latencies.push(performance.now() - planned);
  };
  await Promise.all(Array.from({ length: count }, (_, i) => one(i)));
  return { results, latencies, rate: (count / (performance.now() - started)) * 1000 };
}
