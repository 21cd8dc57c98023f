import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { step } from '../../build/progress.ts';

const repository = join(import.meta.dirname, '..', '..');

/** CommonJS modules inside an ECMAScript bundle call require. */
const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/**
 * Bundles the agent as a container image has it: one file and chunks that are loaded when they are needed, the netlink worker beside it, koffi (which has a native part) outside.
 * @returns the path of the bundle; it finds koffi because it lies in the clone
 */
export async function bundleAgent(): Promise<string> {
  const outdir = join(repository, 'dist/bench/agent');
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  await step('bundling the agent', () =>
    build({
      absWorkingDir: repository,
      entryPoints: { agent: 'agent/main.ts', 'netlink-worker': 'agent/netlink/worker.ts' },
      outdir,
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
    }),
  );
  return join(outdir, 'agent.js');
}
