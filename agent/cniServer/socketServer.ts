import { once } from 'node:events';
import { chmod, lstat, rename, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { cniCodes, cniError, encodeCniError } from '../../core/cni/error.ts';
import { newestVersion } from '../../core/cni/versions.ts';
import {
  type CniAnswer,
  type CniRequest,
  decodeRequest,
  encodeAnswer,
  maxRequestBytes,
  uninstalledMark,
} from '../../core/cni/wire.ts';
import { isMultiNicError } from '../../core/errors.ts';
import { sleep } from '../../kube/api/deadline.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { orUndefined } from '../base/systemErrors.ts';

export interface SocketServerOptions {
  /** Path of the unix socket, in a folder that is there. */
  readonly path: string;
  readonly answer: (request: CniRequest) => Promise<CniAnswer>;
  readonly logger: Logger;
}

/** How long the executable may take to send its request, ms: it has all of it before it connects. */
const requestTimeoutMs = 30_000;
/** How often to look whether the socket is still at its place, ms. */
const lookMs = 5_000;

/** Takes CNI calls from the executable: core/cni/wire.ts over a unix socket. Only the agent that holds the node (nodeLock.ts) does so. */
export class SocketServer implements Runnable {
  readonly name = 'CNI server';
  readonly #options: SocketServerOptions;
  readonly #listening = Promise.withResolvers<void>();
  readonly #calls = new Set<Promise<void>>();
  #isListening = false;

  constructor(options: SocketServerOptions) {
    this.#options = options;
  }

  ready(): Promise<void> {
    return this.#listening.promise;
  }

  get listening(): boolean {
    return this.#isListening;
  }

  /**
   * Serves until the signal aborts, and then until the calls under way are answered.
   * @throws if somebody removed or replaced the socket: its folder may be gone from the host as well, and is there again for the container's next process
   */
  async start(signal: AbortSignal): Promise<void> {
    const { path, logger } = this.#options;
    await rm(uninstalledMark(path), { force: true });
    const server = createServer({ allowHalfOpen: true }, socket => {
      const call = this.#serve(socket).finally(() => this.#calls.delete(call));
      this.#calls.add(call);
    });
    // Bound beside its final place and renamed: there is always a complete socket at that place, and a stale one is replaced.
    const unfinished = `${path}.new`;
    await rm(unfinished, { force: true });
    server.listen(unfinished);
    await once(server, 'listening');
    await chmod(unfinished, 0o600);
    await rename(unfinished, path);
    this.#isListening = true;
    this.#listening.resolve();
    logger.info({ path }, 'serving CNI calls');
    const isReached = await this.#untilMissed(signal);
    this.#isListening = false;
    if (isReached) await rm(path, { force: true });
    const closed = once(server, 'close');
    server.close();
    await Promise.all(this.#calls);
    await closed;
    if (!isReached) throw new Error(`nobody can reach this agent: ${path} was removed or replaced`);
  }

  /** @returns whether the signal has aborted, with the socket at its place up to then */
  async #untilMissed(signal: AbortSignal): Promise<boolean> {
    const inode = async (): Promise<number | undefined> => (await orUndefined(lstat(this.#options.path)))?.ino;
    const own = await inode();
    while (!signal.aborted) {
      if ((await inode()) !== own) return false;
      await sleep(lookMs, signal);
    }
    return true;
  }

  /** One call. Never rejects. */
  async #serve(socket: Socket): Promise<void> {
    const { logger, answer } = this.#options;
    socket.setTimeout(requestTimeoutMs, () => socket.destroy(new Error('no request in time')));
    try {
      const text = await readAll(socket);
      socket.setTimeout(0);
      const { exitCode, stdout } = await answer(decodeRequest(text));
      socket.end(encodeAnswer(exitCode, stdout));
    } catch (error) {
      logger.warn({ err: error }, 'a CNI call could not be read');
      if (!isMultiNicError(error)) {
        socket.destroy();
        return;
      }
      const failure = cniError(cniCodes.decodingFailure, error.code, error.detail);
      socket.end(encodeAnswer(1, encodeCniError(failure, newestVersion)));
    }
  }
}

async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  // An error that comes later (the caller is gone before the answer) has nobody left to tell.
  socket.on('error', () => socket.destroy());
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxRequestBytes) throw new Error(`a request of more than ${maxRequestBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
