import { Transform } from 'node:stream';

/** Sent by every HTTP/2 client before its first frame (RFC 9113, section 3.4). */
const prefaceBytes = 24;
/** Length (3 bytes), type, flags, stream (RFC 9113, section 4.1). */
const frameHeaderBytes = 9;
const headersType = 1;
const flag = { padded: 0x08, priority: 0x20 };

/** A literal `:authority: localhost` with incremental indexing (RFC 7541, section 6.2.1; the name is entry 1 of the static table). */
const localhost = Buffer.concat([Buffer.from([0x41, 9]), Buffer.from('localhost')]);

/**
 * What a client sends over HTTP/2, with `localhost` for every authority that it spells out. The kubelet of Kubernetes 1.20 has the socket's path
 * there, which is no authority (RFC 3986, section 3.2): Go takes it, Node does not.
 */
export function mendAuthorities(): Transform {
  let left = Buffer.alloc(0);
  let isPrefaced = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      left = Buffer.concat([left, chunk]);
      if (!isPrefaced && left.length >= prefaceBytes) {
        this.push(left.subarray(0, prefaceBytes));
        left = left.subarray(prefaceBytes);
        isPrefaced = true;
      }
      while (isPrefaced && left.length >= frameHeaderBytes) {
        const end = frameHeaderBytes + left.readUIntBE(0, 3);
        if (left.length < end) break;
        this.push(mendFrame(left.subarray(0, end)));
        left = left.subarray(end);
      }
      done();
    },
  });
}

function mendFrame(frame: Buffer): Buffer {
  if (frame[3] !== headersType) return frame;
  const flags = frame.readUInt8(4);
  const start = frameHeaderBytes + (flags & flag.padded ? 1 : 0) + (flags & flag.priority ? 5 : 0);
  const fields = [...fieldsOf(frame.subarray(start))].map(field => (field[0] === 0x41 ? localhost : field));
  const mended = Buffer.concat([frame.subarray(0, start), ...fields]);
  mended.writeUIntBE(mended.length - frameHeaderBytes, 0, 3);
  return mended;
}

/** The representations in a header block (RFC 7541, section 6), as they are encoded. */
function* fieldsOf(block: Buffer): Generator<Buffer> {
  for (let at = 0; at < block.length;) {
    const first = block.readUInt8(at);
    const isLiteral = (first & 0x80) === 0 && (first & 0xe0) !== 0x20;
    const prefix = first & 0x80 ? 7 : first & 0x40 ? 6 : isLiteral ? 4 : 5;
    const index = readInteger(block, at, prefix);
    let end = index.end;
    if (isLiteral && index.value === 0) end = endOfString(block, end);
    if (isLiteral) end = endOfString(block, end);
    yield block.subarray(at, end);
    at = end;
  }
}

function endOfString(block: Buffer, at: number): number {
  const length = readInteger(block, at, 7);
  return length.end + length.value;
}

/** RFC 7541, section 5.1. */
function readInteger(block: Buffer, at: number, prefix: number): { value: number; end: number } {
  const most = 2 ** prefix - 1;
  let value = block.readUInt8(at) & most;
  let end = at + 1;
  if (value < most) return { value, end };
  for (let shift = 0; ; shift += 7) {
    const byte = block.readUInt8(end++);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, end };
  }
}
