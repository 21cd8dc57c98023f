/**
 * Orders texts with the numbers in them by value: eth2 before eth10. The same on every host, whatever its language; and Intl.Collator would
 * map megabytes of collation rules into every agent.
 */
export function compareNaturally(a: string, b: string): number {
  const others = parts(b);
  for (const [i, part] of parts(a).entries()) {
    const other = others[i] ?? '';
    // Texts and numbers take turns, so that part is of the kind of the other.
    const difference = i % 2 === 1 ? Number(part) - Number(other) : 0;
    if (difference) return difference;
    if (part !== other && i % 2 === 0) return part < other ? -1 : 1;
  }
  if (a === b) return 0;
  return a.length - b.length || (a < b ? -1 : 1);
}

function parts(text: string): string[] {
  return text.split(/(\d+)/);
}
