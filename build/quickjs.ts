import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { privateApt } from './apt.ts';
import { cached } from './cacheDir.ts';
import { step } from './progress.ts';
import { run } from './run.ts';

/** The Debian suite whose source package is built: the oldest that has QuickJS of 2025, which is the first with ES2023. */
const suite = 'trixie';

/** To be raised when what is built below changes, so that an older directory of the cache is not mistaken for it. */
const recipe = 2;

/** What is kept of QuickJS: the compiler from JavaScript to byte code in C, and the engine to link with that. */
export interface QuickJs {
  /** The program qjsc. */
  readonly compiler: string;
  /** The folder of quickjs.h. */
  readonly include: string;
  /** The static library. */
  readonly library: string;
  /** QuickJS's own version, a date. */
  readonly version: string;
}

/**
 * QuickJS, built from Debian's source package with this machine's compiler, from the cache where it was built before. Needs apt,
 * dpkg-dev, gcc and make, no root, and installs nothing.
 */
export async function quickJs(): Promise<QuickJs> {
  const folder = await cached(`quickjs-${suite}-${recipe}`, build);
  return {
    compiler: join(folder, 'qjsc'),
    include: folder,
    library: join(folder, 'libquickjs.a'),
    version: (await readFile(join(folder, 'VERSION'), 'utf8')).trim(),
  };
}

async function build(folder: string): Promise<void> {
  const work = join(folder, 'work');
  const source = await step(`fetching the source of QuickJS from Debian ${suite}`, async () => {
    const apt = await privateApt(join(work, 'apt'), { suite, types: ['deb-src'] });
    return apt.source('quickjs', work);
  });
  const wanted = ['qjsc', 'libquickjs.a', 'quickjs.h', 'VERSION'];
  await step('building QuickJS', async () => {
    const flags = '-Os -fwrapv -ffunction-sections -fdata-sections';
    const jobs = `-j${availableParallelism()}`;
    await run(['make', jobs, `CFLAGS_OPT=$(CFLAGS) ${flags}`, 'qjsc', 'libquickjs.a'], { cwd: source });
    await mkdir(folder, { recursive: true });
    for (const file of wanted) await copyFile(join(source, file), join(folder, file));
    await rm(work, { recursive: true });
  });
}
