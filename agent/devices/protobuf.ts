import { MultiNicError } from '../../core/errors.ts';

/** One field of a message: a number (varint and fixed-width types), or bytes (texts, messages, packed lists). */
export interface Field {
  readonly number: number;
  readonly value: bigint | Uint8Array;
}

/** Wire types (protobuf.dev, "Encoding", "Message Structure"). Groups (3, 4) are older than proto3. */
const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** A varint has seven bits a byte, and 64 in all. */
const varintBytes = 10;

/**
 * The fields of a protobuf message, in their order on the wire. Readers skip numbers that they do not know, which is how messages can grow.
 * @throws MultiNicError MNN_KUBELET_DEVICES where the bytes are no message
 */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  const cursor = { message, at: 0 };
  while (cursor.at < message.length) {
    const tag = readVarint(cursor);
    const number = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case wireType.varint:
        yield { number, value: readVarint(cursor) };
        break;
      case wireType.bytes:
        yield { number, value: readBytes(cursor, Number(readVarint(cursor))) };
        break;
      case wireType.fixed64:
        yield { number, value: readFixed(cursor, 8) };
        break;
      case wireType.fixed32:
        yield { number, value: readFixed(cursor, 4) };
        break;
      default:
        throw malformed(`field ${number} has the wire type ${tag & 7n}`);
    }
  }
}

/** The bytes of every field of that number: the entries of a repeated message or text. */
export function bytesOf(message: Uint8Array, number: number): Uint8Array[] {
  return [...fieldsOf(message)].flatMap(field =>
    field.number === number && field.value instanceof Uint8Array ? field.value : [],
  );
}

/** The texts of every field of that number. */
export function textsOf(message: Uint8Array, number: number): string[] {
  return bytesOf(message, number).map(bytes => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
}

/** The text of a single field; of several the last counts, and none means the empty text (proto3). */
export function textOf(message: Uint8Array, number: number): string {
  return textsOf(message, number).at(-1) ?? '';
}

/** A single int64; none means 0 (proto3). */
export function int64Of(message: Uint8Array, number: number): number {
  const values = [...fieldsOf(message)].flatMap(field =>
    field.number === number && typeof field.value === 'bigint' ? field.value : [],
  );
  return Number(BigInt.asIntN(64, values.at(-1) ?? 0n));
}

/** A field with bytes: a text in UTF-8, or a message. */
export function bytesField(number: number, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([varint((BigInt(number) << 3n) | BigInt(wireType.bytes)), varint(BigInt(bytes.length)), bytes]);
}

/** An int64 field. */
export function int64Field(number: number, value: number): Buffer {
  const tag = varint((BigInt(number) << 3n) | BigInt(wireType.varint));
  return Buffer.concat([tag, varint(BigInt.asUintN(64, BigInt(value)))]);
}

interface Cursor {
  readonly message: Uint8Array;
  at: number;
}

function readVarint(cursor: Cursor): bigint {
  let value = 0n;
  for (let i = 0; i < varintBytes; i++) {
    const byte = cursor.message[cursor.at++];
    if (byte === undefined) throw malformed('it ends within a number');
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw malformed(`a number has more than ${varintBytes} bytes`);
}

function readBytes(cursor: Cursor, length: number): Uint8Array {
  const { message, at } = cursor;
  if (length > message.length - at)
    throw malformed(`a field has ${length} bytes where ${message.length - at} are left`);
  cursor.at += length;
  return message.subarray(at, at + length);
}

function readFixed(cursor: Cursor, length: number): bigint {
  return readBytes(cursor, length).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (; value >= 0x80n; value >>= 7n) bytes.push(Number(value & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(value)]);
}

function malformed(why: string): MultiNicError {
  return new MultiNicError('MNN_KUBELET_DEVICES', `the kubelet's answer is not a protobuf message: ${why}`);
}
