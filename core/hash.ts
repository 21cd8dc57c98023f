/** FNV-1a, 32 bits, unsigned: spreads names over a range, the same on every host. It keeps nobody from making two names meet. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
