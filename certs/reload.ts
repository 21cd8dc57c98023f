import { once } from 'node:events';
import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MultiNicError } from '../core/errors.ts';
import type { KeyAndCertificate } from './authority.ts';
import { readBundle } from './bundle.ts';
import { isPair } from './content.ts';

/** What a follower calls. */
export interface Listener<T> {
  /** A good state that differs from the last one; also the first one. */
  changed: (value: T) => void;
  /** What is there cannot be read or used; the last good state stays. */
  failed: (error: Error) => void;
}

/** Follows something that changes until the signal aborts; resolves when all of it has ended. Never rejects. */
export type Follow<T> = (signal: AbortSignal, listener: Listener<T>) => Promise<void>;

/** The files of a serving certificate; both PEM. */
export interface KeyPairPaths {
  cert: string;
  key: string;
}

/** How often files are read, whether the kernel reports changes or not. */
const defaultPollMs = 10_000;

/** Events of a folder come in bursts: a Secret mount that swaps its content makes four. */
const settleMs = 50;

/** Follows a certificate (or a chain, the leaf first) and its key on disk. */
export function keyPairFiles({ cert, key }: KeyPairPaths, pollMs?: number): Follow<KeyAndCertificate> {
  const read = ([certificate = '', privateKey = '']: readonly string[]): KeyAndCertificate => {
    if (isPair({ certificate, privateKey })) return { certificate, privateKey };
    throw new MultiNicError('MNN_CERT_UNUSABLE', `${key} is not the key of ${cert}, or one of them is not PEM`);
  };
  return followFiles([cert, key], read, pollMs);
}

/** Follows the certificates of authorities on disk, PEM. */
export function authorityFile(path: string, pollMs?: number): Follow<string> {
  const read = ([text = '']: readonly string[]): string => {
    if (readBundle(text).length > 0) return text;
    throw new MultiNicError('MNN_CERT_UNUSABLE', `${path} has no certificate in PEM form`);
  };
  return followFiles([path], read, pollMs);
}

/**
 * Follows what files say. The folders are watched, not the files: a Secret mount replaces the folder that its symlinks go through. Some
 * file systems report nothing, so the files are also read every `pollMs`.
 * @param read makes a state of their texts; throws if they cannot be used
 */
function followFiles<T>(
  paths: readonly string[],
  read: (texts: readonly string[]) => T,
  pollMs = defaultPollMs,
): Follow<T> {
  return async (signal, { changed, failed }) => {
    let last: string | undefined;
    const load = async (): Promise<void> => {
      const texts = await Promise.all(paths.map(path => readFile(path, 'utf8')));
      const all = JSON.stringify(texts);
      if (all === last) return;
      const value = read(texts);
      last = all;
      changed(value);
    };
    let busy = Promise.resolve();
    const check = (): void => {
      busy = busy.then(load).catch((error: unknown) => {
        failed(asError(error));
      });
    };
    let settling: NodeJS.Timeout | undefined;
    const onEvent = (): void => {
      clearTimeout(settling);
      settling = setTimeout(check, settleMs);
    };
    const watchers = watchFolders(paths, onEvent, failed);
    const poll = setInterval(check, pollMs);
    check();
    if (!signal.aborted) await once(signal, 'abort');
    clearInterval(poll);
    clearTimeout(settling);
    for (const watcher of watchers) watcher.close();
    await busy;
  };
}

function watchFolders(paths: readonly string[], onEvent: () => void, failed: (error: Error) => void): FSWatcher[] {
  return [...new Set(paths.map(path => dirname(path)))].flatMap(folder => {
    try {
      return watch(folder, { persistent: false }, onEvent).on('error', failed);
    } catch (error) {
      // No folder yet, or no inotify watch left: polling the files finds changes too.
      failed(asError(error));
      return [];
    }
  });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
