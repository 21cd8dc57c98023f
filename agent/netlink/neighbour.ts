import type { Writer } from './attributes.ts';
import { writeMessage } from './codec.ts';
import { NDA, NLM_F, NUD_PERMANENT, RTM } from './constants.ts';
import type { Context } from './context.ts';
import { afOf, writeNeighbourHeader } from './headers.ts';
import { parseAddress, parseMac } from './text.ts';
import type { NeighbourChange } from './types.ts';

const flags = NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.REPLACE;

/** Adds or replaces a permanent neighbour. */
export function writeNeighbourChange(writer: Writer, sequence: number, op: NeighbourChange, context: Context): void {
  const address = parseAddress(op.address);
  writeMessage(writer, { type: RTM.NEWNEIGH, flags, sequence }, () => {
    writeNeighbourHeader(writer, {
      family: afOf(address.family),
      index: context.linkIndex(op.dev),
      state: NUD_PERMANENT,
    });
    writer.attribute(NDA.DST, address.bytes);
    writer.attribute(NDA.LLADDR, parseMac(op.mac));
  });
}
