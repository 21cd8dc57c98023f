import { constants } from 'node:os';
import { parseAddressInfo, writeAddressDump } from './address.ts';
import type { Writer } from './attributes.ts';
import { parseLink } from './link.ts';
import { writeLinkDump, writeLinkGet } from './linkRequests.ts';
import { type NetlinkSocket, RefusedError } from './socket.ts';
import type { AddressInfo, AddressList, LinkInfo } from './types.ts';

const readings = 3;

/** How a list is read. */
interface Reading<Item> {
  readonly write: (writer: Writer, sequence: number) => void;
  readonly decode: (payload: Buffer) => Item | undefined;
  /** What an object is known by. */
  readonly key: (item: Item) => string | number;
  readonly most?: number | undefined;
}

/** All links. */
export async function listLinks(socket: NetlinkSocket, writer: Writer): Promise<LinkInfo[]> {
  const { items, outdated } = await readTogether(socket, writer, {
    write: writeLinkDump,
    decode: parseLink,
    key: ({ index }) => index,
  });
  return items.flatMap(link => (outdated.has(link.index) ? (getLink(socket, writer, link.index) ?? []) : link));
}

/** Addresses that the filter keeps. One may be among them that went while they were read: an event tells of that afterwards. */
export async function listAddresses(
  socket: NetlinkSocket,
  writer: Writer,
  op: AddressList,
  keep: (item: AddressInfo) => boolean,
): Promise<AddressInfo[]> {
  const { items } = await readTogether(socket, writer, {
    write: (to, sequence) => {
      writeAddressDump(to, sequence, op);
    },
    decode: payload => {
      const item = parseAddressInfo(payload);
      return item && keep(item) ? item : undefined;
    },
    key: ({ dev, address }) => `${dev} ${address}`,
    most: op.most,
  });
  return items;
}

/**
 * Where a node has thousands of links, and pods come and go, there is no moment without a change in the time that a reading takes, and the kernel says of
 * each that it may lack something (NLM_F_DUMP_INTR). Several in a row do not lack the same, so the list is what they have together.
 * @returns also the keys of what was not there any more in the last reading
 */
async function readTogether<Item>(
  socket: NetlinkSocket,
  writer: Writer,
  { write, decode, key, most }: Reading<Item>,
): Promise<{ items: Item[]; outdated: ReadonlySet<string | number> }> {
  const known = new Map<string | number, Item>();
  const outdated = new Set<string | number>();
  const request = (sequence: number): Uint8Array => {
    writer.truncate(0);
    write(writer, sequence);
    return writer.bytes();
  };
  for (let reading = 1; reading <= readings; reading += 1) {
    const { items, isWhole } = await socket.read(request, decode, most);
    if (isWhole) return { items, outdated: new Set() };
    for (const one of known.keys()) outdated.add(one);
    for (const item of items) {
      known.set(key(item), item);
      outdated.delete(key(item));
    }
  }
  return { items: [...known.values()], outdated };
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
