/**
 * The work's result.
 * @throws where it takes longer, with what `state` tells then: of mocha's own limit nobody learns what was waited for
 */
export async function limited<T>(work: Promise<T>, limitMs: number, state: () => string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`Not done after ${limitMs / 1000} s: ${state()}`));
  }, limitMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
