import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build as bundle } from 'esbuild';
import { withLock } from './lock.ts';
import { step } from './progress.ts';
import { type QuickJs, quickJs } from './quickjs.ts';
import { run } from './run.ts';

const repository = join(import.meta.dirname, '..');

/** Static, so that it runs on any node, also in an empty root; small, because the page cache of every node holds it. */
const compilerFlags = ['-std=gnu11', '-Os', '-Wall', '-Wextra', '-Werror', '-static', '-s', '-Wl,--gc-sections'];

/**
 * Builds the CNI executable to `dist/multi-nic` of the clone, unless what is there was built from the same sources.
 * @returns its absolute path
 */
export async function buildCni(): Promise<string> {
  const output = join(repository, 'dist', 'multi-nic');
  await mkdir(join(repository, 'dist'), { recursive: true });
  const engine = await quickJs();
  const script = await bundledProgram();
  const nativeSource = join(repository, 'cni', 'native.c');
  const sources = [script, await readFile(nativeSource, 'utf8'), engine.include, compilerFlags.join(' ')];
  const hash = createHash('sha256').update(JSON.stringify(sources)).digest('hex');
  const hashFile = `${output}.sha256`;
  await withLock(`${output}.lock`, async () => {
    const built = existsSync(output) && existsSync(hashFile) ? await readFile(hashFile, 'utf8') : '';
    if (built === hash) return;
    await step('compiling the CNI executable', () => compile(script, nativeSource, engine, output));
    await writeFile(hashFile, hash);
  });
  return output;
}

/** cni/ and what it imports of core/ as one script. The program has no Node: an import of its modules fails here. */
async function bundledProgram(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as { version: string };
  const result = await bundle({
    absWorkingDir: repository,
    entryPoints: ['cni/main.ts'],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'neutral',
    target: 'es2023',
    define: { programVersion: JSON.stringify(version) },
    logLevel: 'error',
  });
  return result.outputFiles[0]?.text ?? '';
}

async function compile(script: string, nativeSource: string, engine: QuickJs, output: string): Promise<void> {
  const work = await mkdtemp(`${output}.work-`);
  try {
    const javascript = join(work, 'program.js');
    const bytecode = join(work, 'program.c');
    await writeFile(javascript, script);
    await run([engine.compiler, '-c', '-s', '-N', 'program', '-o', bytecode, javascript]);
    const program = join(work, 'multi-nic');
    const inputs = [nativeSource, bytecode, engine.library];
    await run(['gcc', ...compilerFlags, '-isystem', engine.include, '-o', program, ...inputs, '-lm', '-lpthread']);
    await rename(program, output);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

if (import.meta.main) process.stdout.write(`${await buildCni()}\n`);
