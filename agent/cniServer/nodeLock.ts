import { chmod, type FileHandle, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { sleep } from '../../kube/api/deadline.ts';
import { takeLock } from './lockFile.ts';

/** What the agent of a node holds, beside its socket. */
export function lockPath(socket: string): string {
  return `${socket}.lock`;
}

/** How long an agent that is just ending may keep the node, ms. */
const waitMs = 20_000;

/**
 * Waits until this is the node's only agent. Nothing of the node may be read before: another agent that is ending still answers calls, and records
 * what it attaches. The socket's folder is made, for root alone.
 * @returns the lock, which keeps others waiting until it is closed or the process ends; undefined if the signal aborts first
 * @throws if another agent keeps the node
 */
export async function holdNode(socket: string, signal: AbortSignal, logger: Logger): Promise<FileHandle | undefined> {
  const path = lockPath(socket);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await chmod(dirname(path), 0o700);
  const end = performance.now() + waitMs;
  for (let isLogged = false; ; isLogged = true) {
    const lock = await takeLock(path);
    if (lock) return lock;
    if (signal.aborted) return undefined;
    if (performance.now() > end) throw new Error(`another agent holds ${path}`);
    if (!isLogged) logger.info({ path }, 'another agent serves this node; waiting for it to end');
    await sleep(200, signal);
  }
}
