import { NLA } from './constants.ts';

/** Attributes of one message or nest by type; of a repeated one the last. Values are views of the receive buffer. */
export type Attributes = ReadonlyMap<number, Buffer>;

const header = 4;
/** Initial size of a writer's buffer; it grows. */
const initialSize = 4096;

/** Rounds up to the 4 bytes on which netlink aligns everything. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** Each attribute of `bytes` with its type (flag bits removed), in order. A broken tail ends the walk, as in the kernel. */
export function* eachAttribute(bytes: Buffer): Generator<[type: number, value: Buffer]> {
  for (let at = 0; at + header <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < header || at + length > bytes.length) return;
    yield [bytes.readUInt16LE(at + 2) & NLA.TYPE_MASK, bytes.subarray(at + header, at + length)];
    at += align(length);
  }
}

/** All attributes of a message or nest. */
export function parseAttributes(bytes: Buffer): Attributes {
  return new Map(eachAttribute(bytes));
}

/** The attributes inside an attribute; none where it is absent. */
export function nested(attributes: Attributes, type: number): Attributes {
  const value = attributes.get(type);
  return value === undefined ? new Map<number, Buffer>() : parseAttributes(value);
}

/** Unsigned integer of 1, 2 or 4 bytes in host order; undefined where absent. */
export function readUint(attributes: Attributes, type: number): number | undefined {
  const value = attributes.get(type);
  if (value === undefined || value.length === 0) return undefined;
  return value.readUIntLE(0, Math.min(value.length, 4));
}

/** Text up to its first NUL; undefined where absent. */
export function readText(attributes: Attributes, type: number): string | undefined {
  const value = attributes.get(type);
  return value === undefined ? undefined : zeroTerminated(value);
}

/** Text up to its first NUL, or to its end where it has none. */
export function zeroTerminated(value: Buffer): string {
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end === -1 ? value.length : end);
}

/**
 * Builds messages into one growing buffer, in the host's byte order, which is little-endian on every architecture that
 * this project supports.
 */
export class Writer {
  /** Zero behind #length. */
  #buffer = Buffer.alloc(initialSize);
  /** The same bytes. Buffer's own methods of writing a number are several calls each, which took a sixth of the time that a route takes here. */
  #view = viewOf(this.#buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What has been written: a view, valid until the next write. */
  bytes(): Buffer<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Forgets everything after the first `length` bytes. */
  truncate(length: number): void {
    this.#buffer.fill(0, length, this.#length);
    this.#length = length;
  }

  /** Adds `count` zero bytes and returns where they start. */
  reserve(count: number): number {
    const start = this.#length;
    const end = start + count;
    if (end > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(end, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, start);
      this.#buffer = grown;
      this.#view = viewOf(grown);
    }
    this.#length = end;
    return start;
  }

  /** As setUint16 and setUint32, at a place that was reserved. @throws RangeError where the value does not fit */
  setUint8(at: number, value: number): void {
    this.#view.setUint8(at, fitting(value, 0xff));
  }

  setUint16(at: number, value: number): void {
    this.#view.setUint16(at, fitting(value, 0xffff), true);
  }

  setUint32(at: number, value: number): void {
    this.#view.setUint32(at, fitting(value, 0xffff_ffff), true);
  }

  /** Adds an attribute with these bytes. */
  attribute(type: number, value: Uint8Array): void {
    const at = this.#attributeHeader(type, value.length);
    this.#buffer.set(value, at);
  }

  uint8(type: number, value: number): void {
    this.setUint8(this.#attributeHeader(type, 1), value);
  }

  uint16(type: number, value: number): void {
    this.setUint16(this.#attributeHeader(type, 2), value);
  }

  uint32(type: number, value: number): void {
    this.setUint32(this.#attributeHeader(type, 4), value);
  }

  /** Adds a text with the NUL that the kernel expects at its end. */
  text(type: number, value: string): void {
    this.attribute(type, Buffer.from(`${value}\0`));
  }

  /** Adds an attribute that holds what `write` writes: attributes, or a header and attributes. */
  nest(type: number, write: () => void): void {
    const at = this.reserve(header);
    write();
    this.setUint16(at, this.#length - at);
    this.setUint16(at + 2, type | NLA.NESTED);
  }

  #attributeHeader(type: number, length: number): number {
    const at = this.reserve(align(header + length));
    this.setUint16(at, header + length);
    this.setUint16(at + 2, type);
    return at + header;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** A DataView would silently truncate what a field cannot hold. */
function fitting(value: number, most: number): number {
  if (value >= 0 && value <= most) return value;
  throw new RangeError(`${value} is not between 0 and ${most}`);
}
