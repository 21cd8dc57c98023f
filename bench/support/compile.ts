import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { step } from '../../build/progress.ts';
import { run } from '../../build/run.ts';

const repository = join(import.meta.dirname, '..', '..');
const flags = ['-std=gnu11', '-Os', '-Wall', '-Wextra', '-Werror', '-static', '-s'];

/**
 * Compiles bench/native/NAME.c, unless that was done before.
 * @returns the program's absolute path
 */
export async function compileNative(name: string): Promise<string> {
  const source = join(repository, 'bench/native', `${name}.c`);
  const hash = createHash('sha256')
    .update(await readFile(source))
    .update(flags.join(' '))
    .digest('hex');
  const folder = join(repository, 'dist/bench');
  const program = join(folder, `${name}-${hash.slice(0, 12)}`);
  if (existsSync(program)) return program;
  await mkdir(folder, { recursive: true });
  const unfinished = `${program}.${process.pid}.tmp`;
  await step(`compiling bench/native/${name}.c`, () => run(['gcc', ...flags, '-o', unfinished, source]));
  await rename(unfinished, program);
  return program;
}
