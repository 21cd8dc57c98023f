import { readUint, type Writer } from './attributes.ts';
import { writeMessage } from './codec.ts';
import { IFA, IFA_F, NLM_F, RTM } from './constants.ts';
import type { Context } from './context.ts';
import { afOf, familyOf, parseAddressHeader, writeAddressHeader } from './headers.ts';
import { scopeName, scopeNumber } from './names.ts';
import { formatNetwork, parseNetwork } from './text.ts';
import type { AddressAdd, AddressInfo, AddressList, Scope } from './types.ts';

/** Asks for all addresses, or those of one family. */
export function writeAddressDump(writer: Writer, sequence: number, op: AddressList): void {
  writeMessage(writer, { type: RTM.GETADDR, flags: NLM_F.REQUEST | NLM_F.DUMP, sequence }, () => {
    writeAddressHeader(writer, { family: afOf(op.family) });
  });
}

/** RTM_NEWADDR. */
export function writeAddressAdd(writer: Writer, sequence: number, op: AddressAdd, context: Context): void {
  const { family, bytes, prefixLength } = parseNetwork(op.address);
  const flags = NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL;
  writeMessage(writer, { type: RTM.NEWADDR, flags, sequence }, () => {
    writeAddressHeader(writer, {
      family: afOf(family),
      prefixLength,
      scope: scopeNumber(scopeOf(bytes)),
      index: context.linkIndex(op.dev),
    });
    writer.attribute(IFA.LOCAL, bytes);
    writer.attribute(IFA.ADDRESS, bytes);
    if (op.noDad === true) writer.uint32(IFA.FLAGS, IFA_F.NODAD);
  });
}

function scopeOf(bytes: Uint8Array): Scope {
  return bytes.length === 4 && bytes[0] === 127 ? 'host' : 'global';
}

/** Reads the payload of RTM_NEWADDR and RTM_DELADDR; undefined for other families. */
export function parseAddressInfo(payload: Buffer): AddressInfo | undefined {
  const { header, attributes } = parseAddressHeader(payload);
  const family = familyOf(header.family);
  const remote = attributes.get(IFA.ADDRESS);
  // Without a peer, IPv6 has only IFA_ADDRESS, and IPv4 has both alike.
  const local = attributes.get(IFA.LOCAL) ?? remote;
  if (family === undefined || local === undefined) return undefined;
  const hasPeer = remote !== undefined && !remote.equals(local);
  const flags = readUint(attributes, IFA.FLAGS) ?? header.flags;
  return {
    family,
    dev: header.index,
    // The prefix length belongs to the peer where there is one; the local end then stands alone.
    address: formatNetwork(family, local, hasPeer ? local.length * 8 : header.prefixLength),
    scope: scopeName(header.scope),
    flags,
    permanent: (flags & IFA_F.PERMANENT) !== 0,
    dadFailed: (flags & IFA_F.DADFAILED) !== 0,
  };
}
