import { constants } from 'node:os';
import type { Writer } from './attributes.ts';
import { parseLink } from './link.ts';
import { writeLinkDump, writeLinkGet } from './linkRequests.ts';
import { type NetlinkSocket, RefusedError } from './socket.ts';
import type { LinkInfo } from './types.ts';

const readings = 3;

/**
 * Lists all links. Where a node has thousands, and pods come and go, there is no moment without a change in the time that a reading takes, and the kernel says
 * of each that it may lack a link (NLM_F_DUMP_INTR). Several in a row do not lack the same one, so what they have together is the list, without what is
 * gone by then.
 */
export async function listLinks(socket: NetlinkSocket, writer: Writer): Promise<LinkInfo[]> {
  const known = new Map<number, LinkInfo>();
  let last: ReadonlySet<number> = new Set();
  for (let reading = 1; reading <= readings; reading += 1) {
    const { items, isWhole } = await socket.read(sequence => request(writer, sequence), parseLink);
    if (isWhole) return items;
    for (const link of items) known.set(link.index, link);
    last = new Set(items.map(({ index }) => index));
  }
  const links = [...known.values()];
  return links.flatMap(link => (last.has(link.index) ? link : (getLink(socket, writer, link.index) ?? [])));
}

function request(writer: Writer, sequence: number): Uint8Array {
  writer.truncate(0);
  writeLinkDump(writer, sequence);
  return writer.bytes();
}

/** Undefined where there is none of that index. */
function getLink(socket: NetlinkSocket, writer: Writer, index: number): LinkInfo | undefined {
  const sequence = socket.nextSequence();
  writer.truncate(0);
  writeLinkGet(writer, sequence, index);
  try {
    return parseLink(socket.get(writer.bytes(), sequence));
  } catch (error) {
    if (error instanceof RefusedError && error.errno === constants.errno.ENODEV) return undefined;
    throw error;
  }
}
