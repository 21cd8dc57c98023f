import { closeSync, openSync, statfsSync } from 'node:fs';
import { constants } from 'node:os';
import { BatchFailure, toFailure } from '../failure.ts';
import { NSFS_MAGIC } from '../namespace.ts';
import type { NetnsPath } from '../types.ts';
import { IpError } from './answers.ts';

/** Number of the first file that a program gets besides its input and outputs. */
const firstFile = 3;

/**
 * The namespaces that a batch names, held open so that all its programs see the same ones. They are handed to programs as open
 * files, and named to them by the numbers that they have there.
 */
export class Namespaces implements Disposable {
  /** The batch's namespace as the caller calls it; null is the process's own. */
  readonly path: NetnsPath | null;
  readonly #files = new Map<NetnsPath, number>();

  /** Throws BatchFailure where there is no such namespace. */
  constructor(path: NetnsPath | null) {
    this.path = path;
    if (path === null) return;
    try {
      this.open(path);
    } catch (error) {
      throw new BatchFailure(toFailure(error, -1, 'netns.enter', path), { cause: error });
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#files.values()) closeSync(fd);
    this.#files.clear();
  }

  /** What programs are to inherit. */
  get files(): readonly number[] {
    return [...this.#files.values()];
  }

  /** The batch's namespace as a program finds it. */
  get own(): NetnsPath | null {
    return this.path === null ? null : this.nameOf(this.path);
  }

  /** Opens a namespace once. Throws what open(2) does, and EINVAL for what is no namespace. */
  open(path: NetnsPath): number {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    const fd = openSync(path, 'r');
    this.#files.set(path, fd);
    if (statfsSync(`/proc/self/fd/${fd}`).type !== NSFS_MAGIC) throw new IpError(constants.errno.EINVAL, null);
    return fd;
  }

  /** The path by which a program finds an opened namespace. */
  nameOf(path: NetnsPath): NetnsPath {
    this.open(path);
    return `/proc/self/fd/${firstFile + [...this.#files.keys()].indexOf(path)}`;
  }
}
