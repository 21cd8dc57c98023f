import { Writer } from '../attributes.ts';
import { isChange, isPackable, writeChange } from '../changes.ts';
import type { Context } from '../context.ts';
import { NetlinkEndedError } from '../errors.ts';
import { BatchFailure, type OnFailure, settle, toFailure } from '../failure.ts';
import { writeLinkGet } from '../linkRequests.ts';
import { targetOf } from '../target.ts';
import type { ChangeOp, LinkRef, NetnsPath, Op, Outcome, QueryOp, Result, SysctlOp } from '../types.ts';
import { batchAnswers, errorOf, type IpError } from './answers.ts';
import { optionsOf, wordsOf } from './commands.ts';
import { execute, type Place } from './program.ts';
import { linkOf, query } from './queries.ts';
import { sysctl } from './sysctl.ts';
import { checkWords, fitsBatch } from './words.ts';

/** Exit status of `ip` if it cannot parse a command: it then gives no line number and stops. */
const gaveUp = 255;
const done: Outcome = { done: true };

interface Line {
  readonly index: number;
  readonly op: ChangeOp;
  /** Options of `ip` itself, alike in all lines of a batch. */
  readonly options: readonly string[];
  readonly words: readonly string[];
}

/**
 * Executes operations in order with iproute2: changes that follow each other with one `ip -batch`, each query with programs of its
 * own. Throws BatchFailure at the first failure that is not to be ignored.
 */
export class IpBatch implements Context {
  readonly #place: Place;
  readonly #ops: readonly Op[];
  readonly #onFailure: OnFailure;
  readonly #results: Result[] = [];
  readonly #scratch = new Writer();
  #lines: Line[] = [];
  /** Names of links that are known by their indexes, until one may have another. */
  readonly #names = new Map<number, string>();

  constructor(place: Place, ops: readonly Op[], onFailure: OnFailure) {
    this.#place = place;
    this.#ops = ops;
    this.#onFailure = onFailure;
  }

  async run(): Promise<Result[]> {
    for (const [index, op] of this.#ops.entries()) {
      try {
        this.#results[index] = await this.#step(index, op);
      } catch (error) {
        if (error instanceof BatchFailure || error instanceof NetlinkEndedError) throw error;
        if (this.#place.signal?.aborted === true) throw error;
        // What stands before the failure has to be done, and may have failed before it.
        await this.#flush();
        this.#results[index] = this.#settle(error, index, op);
      }
    }
    await this.#flush();
    return this.#results;
  }

  // What the codec asks when it checks an operation.

  linkIndex(link: LinkRef): number {
    if (typeof link === 'number') return link;
    writeLinkGet(this.#scratch, 0, link);
    return 1;
  }

  namespaceFd(path: NetnsPath): number {
    return this.#place.namespaces.open(path);
  }

  async #step(index: number, op: Op): Promise<Result> {
    if (isChangeOp(op)) {
      await this.#change({ index, op, options: optionsOf(op), words: this.#wordsOf(await this.#named(op)) });
      return this.#results[index] ?? done;
    }
    await this.#flush();
    return isSysctlOp(op) ? sysctl(op, this.#place) : query(op, this.#place);
  }

  /** To `ip` the link with index 5 is if5, but a link of that name comes first, and a pod may give it to any of its own. */
  async #named(op: ChangeOp): Promise<ChangeOp> {
    if (isPackable(op) || !('dev' in op) || typeof op.dev !== 'number') return op;
    if (!this.#names.has(op.dev)) {
      await this.#flush();
      this.#names.set(op.dev, (await linkOf(op.dev, this.#place)).name);
    }
    return { ...op, dev: this.#names.get(op.dev) ?? op.dev };
  }

  /** What the codec refuses is refused here in the same words: the request is written and thrown away. */
  #wordsOf(op: ChangeOp): string[] {
    this.#scratch.truncate(0);
    writeChange(this.#scratch, 0, op, this);
    const words = wordsOf(op, path => this.#place.namespaces.nameOf(path));
    checkWords(words);
    return words;
  }

  async #change(line: Line): Promise<void> {
    const isLinkChange = /^link\.(del|delGroup|set)$/.test(line.op.op);
    if (isLinkChange) this.#names.clear();
    // Of a neighbour that the kernel refuses `ip -batch` does not say which line it was: it exits.
    if (line.op.op === 'neighbour.replace' || !fitsBatch(line.words)) {
      await this.#flush();
      const { status, stderr } = await execute(['ip', ...line.options, ...line.words], this.#place);
      if (status !== 0) throw errorOf(stderr);
      return;
    }
    const [first] = this.#lines;
    if (first !== undefined && first.options.join() !== line.options.join()) await this.#flush();
    this.#lines.push(line);
    // `ip` remembers the indexes of names within a batch, also of links that went with their peer.
    if (isLinkChange) await this.#flush();
  }

  /** Executes what has been collected, and after each failure that does not matter the rest again. */
  async #flush(): Promise<void> {
    while (this.#lines.length > 0) {
      const lines = this.#lines;
      this.#lines = [];
      const failed = await this.#execute(lines);
      for (const [at, error] of failed) {
        const line = lines[at];
        if (line === undefined) continue;
        this.#results[line.index] = this.#settle(error, line.index, line.op);
        if (this.#onFailure === 'stop') this.#lines = lines.slice(at + 1);
      }
    }
  }

  async #execute(lines: readonly Line[]): Promise<ReadonlyMap<number, IpError>> {
    const input = lines.map(({ words }) => `${words.join(' ')}\n`).join('');
    const force = this.#onFailure === 'continue' ? ['-force'] : [];
    const { status, stderr } = await execute(
      ['ip', ...(lines[0]?.options ?? []), ...force, '-batch', '-'],
      this.#place,
      input,
    );
    const { failed, rest } = batchAnswers(stderr);
    if (status === 0 || (failed.size > 0 && status !== gaveUp)) return failed;
    if (lines.length === 1) return new Map([[0, errorOf(rest)]]);
    throw new NetlinkEndedError(`ip ended within a batch of ${lines.length} commands: ${rest}`);
  }

  #settle(error: unknown, index: number, op: Op): Result {
    return settle(toFailure(error, index, op.op, targetOf(op)), op, this.#onFailure);
  }
}

function isSysctlOp(op: QueryOp | SysctlOp): op is SysctlOp {
  return op.op === 'sysctl.get' || op.op === 'sysctl.set';
}

function isChangeOp(op: Op): op is ChangeOp {
  return isChange(op) && op.op !== 'sysctl.set';
}
