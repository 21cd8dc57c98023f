/**
 * A hardware address of six bytes, in small letters with colons between. Read are the ways to write it that Go's net.ParseMAC knows, and with it Multus
 * and the reference plugins: 02:00:00:00:00:2a, 02-00-00-00-00-2a and 0200.0000.002a.
 * @returns undefined where the text is not one, or one that no NIC can have: that of a group, or all zeros (is_valid_ether_addr() in linux/etherdevice.h)
 */
export function readMac(text: string): string | undefined {
  const isOne =
    /^(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2})$/i.test(text);
  const digits = text.toLowerCase().replaceAll(/[^0-9a-f]/g, '');
  if (!isOne || /^(?:0{12}|.[13579bdf])/.test(digits)) return undefined;
  return digits.replaceAll(/..(?=.)/g, '$&:');
}
