/** IPv4 addresses as unsigned 32-bit numbers and in dotted decimal, written for speed: one cluster can have tens of thousands. */

/** The number; undefined where the text is not four decimal numbers up to 255 without leading zeros (which some read as octal). */
export function parseDotted(text: string): number | undefined {
  let value = 0;
  let dots = 0;
  let part = -1;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) {
      if (part === 0) return undefined;
      part = part < 0 ? digit : part * 10 + digit;
      if (part > 255) return undefined;
    } else {
      // The dot comes two before the digit 0.
      if (digit !== -2 || part < 0 || dots === 3) return undefined;
      value = value * 256 + part;
      part = -1;
      dots += 1;
    }
  }
  return dots === 3 && part >= 0 ? value * 256 + part : undefined;
}

/** @param value an unsigned 32-bit number */
export function formatDotted(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}
