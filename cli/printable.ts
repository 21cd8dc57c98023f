/** Addresses and names of interfaces come from annotations, which may be anything: here nothing of it moves a terminal's cursor, or is a line of its own. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, sign => `\\u{${sign.codePointAt(0)?.toString(16) ?? ''}}`);
}
