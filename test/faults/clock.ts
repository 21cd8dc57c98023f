/**
 * Preloaded (`node --import`) into a program whose wall clock is to jump: at SIGUSR2 by $CLOCK_JUMP_MS, back at the next. The monotonic
 * clock and timers go on, as they do when a machine's time is set.
 */
const RealDate = Date;
const jumpMs = Number(process.env.CLOCK_JUMP_MS);
let offsetMs = 0;

process.on('SIGUSR2', () => {
  offsetMs = offsetMs === 0 ? jumpMs : 0;
});

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [RealDate.now() + offsetMs] : args, newTarget) as object,
  get: (target, key, receiver) =>
    key === 'now' ? () => RealDate.now() + offsetMs : (Reflect.get(target, key, receiver) as unknown),
});
