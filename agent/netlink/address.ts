import { readText, readUint, type Writer } from './attributes.ts';
import { afOf, familyOf, parseAddressHeader, writeAddressHeader, writeMessage } from './codec.ts';
import { IFA, IFA_F, NLM_F, RTM } from './constants.ts';
import type { Context } from './context.ts';
import { scopeName, scopeNumber } from './names.ts';
import { formatAddress, formatNetwork, InvalidArgument, parseAddress, parseNetwork } from './text.ts';
import type { AddressAdd, AddressDel, AddressInfo, AddressList, Scope } from './types.ts';

const change = NLM_F.REQUEST | NLM_F.ACK;

export function writeAddressDump(writer: Writer, sequence: number, op: AddressList): void {
  writeMessage(writer, { type: RTM.GETADDR, flags: NLM_F.REQUEST | NLM_F.DUMP, sequence }, () => {
    writeAddressHeader(writer, { family: afOf(op.family) });
  });
}

/** RTM_NEWADDR or RTM_DELADDR. */
export function writeAddressChange(
  writer: Writer,
  sequence: number,
  op: AddressAdd | AddressDel,
  context: Context,
): void {
  const adds = op.op === 'address.add';
  const createFlags = adds ? NLM_F.CREATE | (op.replace === true ? NLM_F.REPLACE : NLM_F.EXCL) : 0;
  const local = parseNetwork(op.address);
  const remote = op.peer === undefined ? local : parseNetwork(op.peer);
  if (remote.family !== local.family) throw new InvalidArgument(`"${op.peer}" is not of ${op.address}'s family`);
  const type = adds ? RTM.NEWADDR : RTM.DELADDR;
  writeMessage(writer, { type, flags: change | createFlags, sequence }, () => {
    writeAddressHeader(writer, {
      family: afOf(local.family),
      prefixLength: remote.prefixLength,
      scope: scopeNumber((adds ? op.scope : undefined) ?? defaultScope(local.bytes)),
      index: context.linkIndex(op.dev),
    });
    writer.attribute(IFA.LOCAL, local.bytes);
    writer.attribute(IFA.ADDRESS, remote.bytes);
    if (adds) writeProperties(writer, op);
  });
}

function writeProperties(writer: Writer, op: AddressAdd): void {
  const flags = (op.noDad === true ? IFA_F.NODAD : 0) | (op.noPrefixRoute === true ? IFA_F.NOPREFIXROUTE : 0);
  // IFA_FLAGS has the bits that the header's one byte has no room for, and replaces it.
  if (flags !== 0) writer.uint32(IFA.FLAGS, flags);
  if (op.broadcast !== undefined) writer.attribute(IFA.BROADCAST, parseAddress(op.broadcast).bytes);
}

function defaultScope(bytes: Uint8Array): Scope {
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
  const broadcast = attributes.get(IFA.BROADCAST);
  const flags = readUint(attributes, IFA.FLAGS) ?? header.flags;
  return {
    family,
    dev: header.index,
    // The prefix length belongs to the peer where there is one; the local end then stands alone.
    address: formatNetwork(family, local, hasPeer ? local.length * 8 : header.prefixLength),
    peer: hasPeer ? formatNetwork(family, remote, header.prefixLength) : null,
    broadcast: broadcast === undefined ? null : formatAddress(broadcast),
    label: readText(attributes, IFA.LABEL) ?? null,
    scope: scopeName(header.scope),
    flags,
    permanent: (flags & IFA_F.PERMANENT) !== 0,
    noPrefixRoute: (flags & IFA_F.NOPREFIXROUTE) !== 0,
    tentative: (flags & IFA_F.TENTATIVE) !== 0,
    dadFailed: (flags & IFA_F.DADFAILED) !== 0,
  };
}
