/** A regular file or a symbolic link of a tar archive; its parent folders are created on unpacking. */
export type TarEntry = {
  /** Relative, without a leading slash; at most 100 bytes (ustar without prefix). */
  path: string;
} & (
  | {
      content: Uint8Array | string;
      /** Permission bits; default 0o644. */
      mode?: number;
    }
  | {
      /** The target of a symbolic link; at most 100 bytes. */
      linkTo: string;
    }
);

const blockSize = 512;

/** Writes a tar archive (POSIX ustar, IEEE Std 1003.1) owned by root, the same bytes every time. */
export function tar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(entry => {
    if ('linkTo' in entry) return [header(entry.path, 0, 0o777, entry.linkTo)];
    const data = Buffer.from(entry.content);
    return [
      header(entry.path, data.length, entry.mode ?? 0o644),
      data,
      Buffer.alloc((blockSize - (data.length % blockSize)) % blockSize),
    ];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockSize)]);
}

function header(path: string, size: number, mode: number, linkTo = ''): Buffer {
  for (const name of [path, linkTo]) {
    if (Buffer.byteLength(name) > 100) throw new Error(`A path in a tar archive has at most 100 bytes, got ${name}`);
  }
  const block = Buffer.alloc(blockSize);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  block.write(path, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108); // uid
  block.write(octal(0, 7), 116); // gid
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136); // modification time
  block.write(' '.repeat(8), 148); // the checksum counts as spaces while it is computed
  block.write(linkTo === '' ? '0' : '2', 156); // regular file, symbolic link
  block.write(linkTo, 157);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
