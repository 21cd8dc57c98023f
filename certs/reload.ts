import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { watch, type FSWatcher } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { KeyAndCertificate } from './authority.ts';

/** The files of a serving certificate; both PEM. */
export interface KeyPairPaths {
  cert: string;
  key: string;
}

export interface ReloadOptions {
  /** Called with each new pair that belongs together, also with the first. */
  onChange: (pair: KeyAndCertificate) => void;
  /** Called when the files cannot be read or do not belong together; the last good pair stays. */
  onError: (error: Error) => void;
  /** How often the files are read, whatever the kernel tells. Default 10,000 ms. */
  pollMs?: number;
}

/** Events of a folder come in bursts: what a Secret mount does to swap its content is four of them. */
const settleMs = 50;

/**
 * Follows a certificate and its key on disk. The folders are watched, not the files: a Secret mount replaces the folder that its symlinks
 * go through. As some file systems tell nothing, the files are read every `pollMs` as well.
 */
export class CertificateReloader {
  readonly #paths: KeyPairPaths;
  readonly #options: ReloadOptions;
  #current: KeyAndCertificate | undefined;

  constructor(paths: KeyPairPaths, options: ReloadOptions) {
    this.#paths = paths;
    this.#options = options;
  }

  /** The last pair that was good. */
  get current(): KeyAndCertificate | undefined {
    return this.#current;
  }

  /** Reads both files; tells of a change. @throws Error where they cannot be read or do not belong together */
  async load(): Promise<void> {
    const pair = await readKeyPair(this.#paths);
    const isSame = pair.certificate === this.#current?.certificate && pair.privateKey === this.#current.privateKey;
    if (isSame) return;
    this.#current = pair;
    this.#options.onChange(pair);
  }

  /** Follows the files until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { onError, pollMs = 10_000 } = this.#options;
    let busy = Promise.resolve();
    const check = (): void => {
      busy = busy
        .then(() => this.load())
        .catch((error: unknown) => {
          onError(error instanceof Error ? error : new Error(String(error)));
        });
    };
    let settling: NodeJS.Timeout | undefined;
    const onEvent = (): void => {
      clearTimeout(settling);
      settling = setTimeout(check, settleMs);
    };
    const watchers = watchFolders(this.#paths, onEvent, onError);
    const poll = setInterval(check, pollMs);
    check();
    await aborted(signal);
    clearInterval(poll);
    clearTimeout(settling);
    for (const watcher of watchers) watcher.close();
    await busy;
  }
}

/**
 * Reads a certificate (or a chain, the leaf first) and its key.
 * @throws Error where a file cannot be read or parsed, or the key is not the certificate's
 */
export async function readKeyPair({ cert, key }: KeyPairPaths): Promise<KeyAndCertificate> {
  const [certificate, privateKey] = await Promise.all([readFile(cert, 'utf8'), readFile(key, 'utf8')]);
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey))) {
    throw new Error(`The key ${key} does not belong to the certificate ${cert}`);
  }
  return { certificate, privateKey };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

function watchFolders({ cert, key }: KeyPairPaths, onEvent: () => void, onError: (error: Error) => void): FSWatcher[] {
  const folders = new Set([dirname(cert), dirname(key)]);
  return [...folders].flatMap(folder => {
    try {
      return watch(folder, { persistent: false }, onEvent).on('error', onError);
    } catch (error) {
      // No folder yet, or no inotify watch left: reading the files again and again finds changes, too.
      onError(error instanceof Error ? error : new Error(String(error)));
      return [];
    }
  });
}
