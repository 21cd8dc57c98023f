/**
 * A hardware address of six bytes, in small letters with colons between. Read are the ways to write it that Go's net.ParseMAC knows, and with it Multus
 * and the reference plugins: 02:00:00:00:00:2a, 02-00-00-00-00-2a and 0200.0000.002a.
 * @returns undefined where the text is none
 */
export function readMac(text: string): string | undefined {
  const isOne =
    /^(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2})$/i.test(text);
  if (!isOne) return undefined;
  return text
    .toLowerCase()
    .replaceAll(/[^0-9a-f]/g, '')
    .replaceAll(/..(?=.)/g, '$&:');
}
