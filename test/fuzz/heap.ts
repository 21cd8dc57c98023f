/** Loaded into the webhook (--import, with --expose-gc): at SIGUSR2 it says what its heap holds when all garbage is gone. */
process.on('SIGUSR2', () => {
  globalThis.gc?.();
  console.log(JSON.stringify({ msg: 'heap', bytes: process.memoryUsage().heapUsed }));
});
