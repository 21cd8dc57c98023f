/** Threads of libuv's pool, by its own rules (src/threadpool.c): four, or what UV_THREADPOOL_SIZE says, from 1 to 1,024; no number is 1. */
export function threadPoolSize(variable: string | undefined): number {
  if (variable === undefined) return 4;
  const size = Number.parseInt(variable, 10);
  return Math.min(Math.max(Number.isNaN(size) ? 1 : size, 1), 1024);
}
