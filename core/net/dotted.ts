/** The numbers in the text of addresses, read and written for speed: one cluster can have tens of thousands. */

/**
 * An IPv4 address as an unsigned 32-bit number; undefined where the text is not four decimal numbers up to 255 without leading zeros (which
 * some read as octal).
 */
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

/** The decimal number of up to three digits that begins at `start` and ends the text; undefined where there is no such number. */
export function parsePrefix(text: string, start: number): number | undefined {
  const digits = text.length - start;
  if (start <= 0 || digits < 1 || digits > 3) return undefined;
  let value = 0;
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}
