/** What was made is given out again for so many times as long as making it took. */
const keptTimes = 20;

/** The same, made so seldom that it takes a twentieth of the time at most, however often somebody asks for it. */
export function sparing<T>(make: () => Promise<T>): () => Promise<T> {
  let latest: Promise<T> | undefined;
  let until = Infinity;
  return () => {
    const started = performance.now();
    if (latest && started < until) return latest;
    until = Infinity;
    latest = make().finally(() => {
      const ended = performance.now();
      until = ended + keptTimes * (ended - started);
    });
    return latest;
  };
}
