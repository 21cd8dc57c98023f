/** FNV-1a, 32 bits, unsigned: spreads names over a range, the same on every host. It does not protect against names that are made to collide. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** The same, mixed (finalizer of MurmurHash3): FNV-1a puts names that differ only in their last character, like those of hosts, side by side. */
export function mixedHash32(text: string): number {
  let hash = hash32(text);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
