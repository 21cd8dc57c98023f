import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ownCodename, privateApt } from '../../build/apt.ts';
import { cached } from '../../build/cacheDir.ts';
import { step } from '../../build/progress.ts';
import { run } from '../../build/run.ts';

/** What a boot needs, all of it in the cache. */
export interface UmlKernel {
  /** The kernel: a program of the host. */
  readonly program: string;
  /** The folder of its modules, with modules.dep. */
  readonly modules: string;
  /** Process 1. */
  readonly init: string;
  /** The library that the kernel is started with. */
  readonly preload: string;
}

/** Debian's User-Mode Linux and our process 1, from the cache, or fetched, unpacked and compiled there. Installs nothing. */
export async function umlKernel(): Promise<UmlKernel> {
  const codename = await ownCodename();
  const kernel = await cached(`user-mode-linux-${codename}-1`, folder =>
    step('fetching User-Mode Linux', async () => {
      const lists = join(folder, 'apt');
      const apt = await privateApt(lists, { types: ['deb'] });
      await apt.unpack(['user-mode-linux'], folder);
      await rm(lists, { recursive: true });
    }),
  );
  const releases = join(kernel, 'usr/lib/uml/modules');
  const [release] = await readdir(releases);
  if (release === undefined) throw new Error(`Debian's package user-mode-linux has no modules in ${releases}`);
  return {
    program: join(kernel, 'usr/bin/linux.uml'),
    modules: join(releases, release),
    init: await compiled('init', ['-static']),
    preload: await compiled('wholeRegisters', ['-shared', '-fPIC']),
  };
}

/** A program or a library of C here, compiled once for this machine. */
async function compiled(name: string, flags: readonly string[]): Promise<string> {
  const source = join(import.meta.dirname, `${name}.c`);
  const hash = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 16);
  const folder = await cached(`uml-${name}-${hash}`, async target => {
    const all = ['-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Os', '-s', ...flags];
    await run(['gcc', ...all, '-o', join(target, name), source]);
  });
  return join(folder, name);
}

/**
 * The module files to load, in an order in which each comes after those that it needs.
 * @param dependencies the text of modules.dep: `file: needed file …`, the needed ones in the reverse order of loading
 * @param names module names, for example `ipvlan`
 * @throws Error naming a module that this kernel does not have
 */
export function loadOrder(dependencies: string, names: readonly string[]): string[] {
  const lines = dependencies.split('\n').map(line => line.split(/:? +|:$/).filter(file => file !== ''));
  const files = names.flatMap(name => {
    const line = lines.find(([file]) => file?.endsWith(`/${name}.ko`));
    if (!line) throw new Error(`This User-Mode Linux has no module ${name}`);
    return line.toReversed();
  });
  return [...new Set(files)];
}
