import type { Writer } from './attributes.ts';
import { afOf, familyOf, parseNeighbourHeader, writeMessage, writeNeighbourHeader } from './codec.ts';
import { NDA, NLM_F, NTF_PROXY, RTM } from './constants.ts';
import type { Context } from './context.ts';
import { neighbourStates } from './names.ts';
import { formatAddress, formatMac, parseAddress, parseMac } from './text.ts';
import type { NeighbourChange, NeighbourInfo, NeighbourList } from './types.ts';

const change = NLM_F.REQUEST | NLM_F.ACK;
const changes = {
  'neighbour.add': { type: RTM.NEWNEIGH, flags: change | NLM_F.CREATE | NLM_F.EXCL },
  'neighbour.replace': { type: RTM.NEWNEIGH, flags: change | NLM_F.CREATE | NLM_F.REPLACE },
  'neighbour.del': { type: RTM.DELNEIGH, flags: change },
};

export function writeNeighbourDump(writer: Writer, sequence: number, op: NeighbourList): void {
  writeMessage(writer, { type: RTM.GETNEIGH, flags: NLM_F.REQUEST | NLM_F.DUMP, sequence }, () => {
    writeNeighbourHeader(writer, { family: afOf(op.family), flags: op.proxy === true ? NTF_PROXY : 0 });
  });
}

export function writeNeighbourChange(writer: Writer, sequence: number, op: NeighbourChange, context: Context): void {
  const address = parseAddress(op.address);
  writeMessage(writer, { ...changes[op.op], sequence }, () => {
    writeNeighbourHeader(writer, {
      family: afOf(address.family),
      index: context.linkIndex(op.dev),
      state: neighbourStates.number(op.state ?? 'permanent'),
      flags: op.proxy === true ? NTF_PROXY : 0,
    });
    writer.attribute(NDA.DST, address.bytes);
    if (op.mac !== undefined) writer.attribute(NDA.LLADDR, parseMac(op.mac));
  });
}

/** Reads the payload of RTM_NEWNEIGH and RTM_DELNEIGH; undefined for other families (bridge tables). */
export function parseNeighbour(payload: Buffer): NeighbourInfo | undefined {
  const { header, attributes } = parseNeighbourHeader(payload);
  const family = familyOf(header.family);
  const address = attributes.get(NDA.DST);
  if (family === undefined || address === undefined) return undefined;
  const mac = attributes.get(NDA.LLADDR);
  return {
    family,
    dev: header.index,
    address: formatAddress(address),
    mac: mac === undefined ? null : formatMac(mac),
    state: neighbourStates.word(header.state) ?? 'none',
    proxy: (header.flags & NTF_PROXY) !== 0,
  };
}
