/**
 * What native.c gives the program: its only ways to the outside. Functions that can fail give a negative errno, never throw;
 * `native.strerror` names it.
 */
export interface Native {
  /** The arguments after the program's name. */
  readonly args: readonly string[];
  /** An environment variable; undefined where it is not set. */
  getenv(name: string): string | undefined;
  /** Whether standard input is a terminal: then a person called. */
  stdinIsTerminal(): boolean;
  /**
   * Standard input to its end, as UTF-8.
   * @returns the text; or -EMSGSIZE past `maxBytes`, -ETIMEDOUT, -EILSEQ if it is not UTF-8, or the errno of read(2)
   */
  readStdin(maxBytes: number, timeoutMs: number): string | number;
  /** Connects to a unix stream socket, without waiting (EAGAIN: its queue is full). @returns a file descriptor or a negative errno */
  connect(path: string): number;
  /** Whether something is at a path, as far as this process may see. */
  exists(path: string): boolean;
  /**
   * Sends `request`, shuts down the writing side, reads to the end of the stream, and closes `socket` whatever happens.
   * @param timeoutMs for all of it together
   * @returns what was read, perhaps cut short; or -EMSGSIZE past `maxBytes`, -ETIMEDOUT, or the kernel's errno
   */
  exchange(socket: number, request: string, timeoutMs: number, maxBytes: number): string | number;
  /** Writes all of `text` to file descriptor 1 or 2. @returns 0 or a negative errno */
  write(descriptor: 1 | 2, text: string): number;
  /** The C library's words for an errno, of either sign. */
  strerror(errno: number): string;
  /** Milliseconds of the monotonic clock. */
  now(): number;
  sleep(ms: number): void;
  exit(code: number): never;
}

declare global {
  /** Set by native.c before the program starts. */
  const native: Native;
  /** The project's version, filled in when the program is bundled. */
  const programVersion: string;
}
