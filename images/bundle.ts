import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const repository = join(import.meta.dirname, '..');

/** The programs that run in a cluster. */
export type ProgramName = 'webhook' | 'agent';

/** CommonJS modules inside an ECMAScript bundle call require. */
const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/**
 * Bundles a program as its image has it: one file, and chunks that are loaded when they are needed; koffi, which has a native part, stays
 * outside. The same sources give the same bytes.
 * @param folder emptied first; what runs there must find koffi and be an ECMAScript module
 * @returns the path of the program, `folder`/NAME.js
 */
export async function bundle(program: ProgramName, folder: string): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await build({
    absWorkingDir: repository,
    entryPoints: { [program]: `${program}/main.ts` },
    outdir: folder,
    bundle: true,
    minify: true,
    keepNames: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: ['koffi'],
    // What only a kubeconfig needs is a chunk of its own, which no pod loads.
    splitting: true,
    // jsonc-parser's "main" hides its imports from bundlers.
    mainFields: ['module', 'main'],
    banner: { js: banner },
    logLevel: 'error',
  });
  return join(folder, `${program}.js`);
}
