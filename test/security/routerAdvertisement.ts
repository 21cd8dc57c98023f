/**
 * Sends a router advertisement (RFC 4861 §4.2) out of the link that the first argument names, as whole frame, for which CAP_NET_RAW is enough: "I am
 * the way to everything, and 2001:db8:bad::/64 is here". The second argument is the link's index, the third its hardware address.
 */
import * as libc from '../../agent/netlink/libc.ts';

const AF_PACKET = 17;
const ETH_P_IPV6 = 0x86dd;

const source = Buffer.from('fe800000000000000000000000000bad', 'hex');
const allNodes = Buffer.from('ff020000000000000000000000000001', 'hex');

/** Hop limit 64, a router for half an hour; a prefix for addresses (flags L and A), valid and preferred for an hour. */
const advertisement = Buffer.concat([
  Buffer.from('8600000040000708', 'hex'),
  Buffer.alloc(8),
  Buffer.from('030440c000000e1000000e1000000000', 'hex'),
  Buffer.from('20010db80bad00000000000000000000', 'hex'),
]);

/** The checksum of RFC 8200 §8.1, over a pseudo-header and the message. */
function checksum(message: Buffer): number {
  const length = Buffer.alloc(8);
  length.writeUInt32BE(message.length);
  length[7] = 58;
  const all = Buffer.concat([source, allNodes, length, message]);
  let sum = 0;
  for (let at = 0; at < all.length; at += 2) sum += all.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const [index = '', mac = ''] = process.argv.slice(2);
advertisement.writeUInt16BE(checksum(advertisement), 2);
const ipHeader = Buffer.from('600000000000' + '3aff', 'hex');
ipHeader.writeUInt16BE(advertisement.length, 4);
const ethernet = Buffer.from(`333300000001${mac.replaceAll(':', '')}86dd`, 'hex');
const frame = Buffer.concat([ethernet, ipHeader, source, allNodes, advertisement]);

/** struct sockaddr_ll (packet(7)). */
const address = Buffer.alloc(20);
address.writeUInt16LE(AF_PACKET, 0);
address.writeUInt16BE(ETH_P_IPV6, 2);
address.writeInt32LE(Number(index), 4);
const fd = libc.socket(AF_PACKET, libc.SOCK_RAW_CLOEXEC, 0);
libc.sendto(fd, frame, address);
libc.close(fd);
