import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderingKubectl } from '../../build/kubectl.ts';
import { run } from '../../build/run.ts';

const root = join(import.meta.dirname, '../..');

/** Renders a kustomization that a reader writes into the clone's root. @returns its objects as YAML */
export async function kustomize(kustomization: string): Promise<string> {
  mkdirSync(join(root, 'dist'), { recursive: true });
  const folder = mkdtempSync(join(root, 'dist/kustomize-'));
  try {
    writeFileSync(join(folder, 'kustomization.yaml'), kustomization.replaceAll('- manifests/', '- ../../manifests/'));
    const { stdout } = await run([await renderingKubectl(), 'kustomize', folder]);
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The kustomizations that a guide shows, in order. */
export function kustomizationsIn(page: string): string[] {
  return [...page.matchAll(/^```yaml\n((?:namespace|resources):.*?)^```$/gms)].map(([, text = '']) => text);
}
