import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../build/run.ts';
import type { TarEntry } from './tar.ts';

/** Where the runtime is in an image. */
export const nodePath = '/usr/bin/node';

/** The user in an image that does not need root; a number that distributions do not use. */
export const unprivileged = 65532;

/** What the C library reads: user names, and how host names are resolved. */
const configuration: readonly TarEntry[] = [
  {
    path: 'etc/passwd',
    content: `root:x:0:0:root:/:/sbin/nologin\nmulti-nic:x:${unprivileged}:${unprivileged}:multi-nic:/:/sbin/nologin\n`,
  },
  { path: 'etc/group', content: `root:x:0:\nmulti-nic:x:${unprivileged}:\n` },
  { path: 'etc/nsswitch.conf', content: 'passwd: files\ngroup: files\nhosts: files dns\n' },
];

/**
 * The lowest layer of every image: this process's Node without its symbol table, the shared libraries of this machine that it and
 * `addons` need, and nothing else: no shell, no package manager.
 * @param addons paths of native modules that Node will load
 * @throws Error where `ldd` or `strip` is missing, or a library is
 */
export async function runtimeLayer(addons: readonly string[]): Promise<TarEntry[]> {
  const libraries = await librariesOf([process.execPath, ...addons]);
  return [
    ...configuration,
    ...(await Promise.all(
      libraries.map(async path => ({ path: path.slice(1), mode: 0o755, content: await readFile(path) })),
    )),
    { path: nodePath.slice(1), mode: 0o755, content: await stripped(process.execPath) },
  ];
}

/** The shared libraries of programs, and the loader, by absolute path in order. */
async function librariesOf(programs: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(programs.map(program => run(['ldd', program])));
  const found = new Set<string>();
  for (const line of answers.flatMap(({ stdout }) => stdout.split('\n'))) {
    if (line.includes('not found')) throw new Error(`A shared library is missing: ${line.trim()}`);
    const path = /(?:=> |^\s+)(\/\S+) \(0x/.exec(line)?.[1];
    if (path !== undefined) found.add(path);
  }
  return [...found].sort();
}

/** A seventh of Node is names of functions for debuggers. */
async function stripped(program: string): Promise<Buffer> {
  const work = await mkdtemp(join(tmpdir(), 'multi-nic-strip-'));
  try {
    const output = join(work, 'stripped');
    await run(['strip', '--strip-all', '-o', output, program]);
    return await readFile(output);
  } finally {
    await rm(work, { recursive: true });
  }
}
