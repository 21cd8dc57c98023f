const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 };

/** Milliseconds of `90d`, `12h`, `30m` or `60s`. @throws RangeError that names the flag */
export function parseDuration(flag: string, text: string): number {
  const [, digits, unit] = /^(\d{1,6})([dhms])$/.exec(text) ?? [];
  if (digits !== undefined && unit !== undefined) return Number(digits) * units[unit as keyof typeof units];
  throw new RangeError(`${flag} must be a whole number with s, m, h or d, for example 90d, not "${text}"`);
}

/** The inverse of {@link parseDuration}, in the largest unit that leaves no remainder. */
export function formatDuration(ms: number): string {
  const [unit, unitMs] = Object.entries(units).find(([, size]) => ms % size === 0) ?? ['s', units.s];
  return `${Math.round(ms / unitMs)}${unit}`;
}
