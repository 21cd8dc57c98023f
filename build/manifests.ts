/** Renders every overlay to the one file that users without a clone apply: `make manifests`. */
import { globSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { renderingKubectl } from './kubectl.ts';
import { run } from './run.ts';

const repository = join(import.meta.dirname, '..');

/** The overlays, by name. */
export function overlays(): string[] {
  const found = globSync('manifests/overlays/*/kustomization.yaml', { cwd: repository });
  return found.map(path => basename(dirname(path))).sort();
}

/** Where an overlay's rendered form is committed. */
export function installFile(overlay: string): string {
  return join(repository, 'manifests/overlays', overlay, 'install.yaml');
}

/** An overlay as one file. @throws Error with what kustomize says */
export async function renderOverlay(overlay: string): Promise<string> {
  const { stdout } = await run([
    await renderingKubectl(),
    'kustomize',
    join(repository, 'manifests/overlays', overlay),
  ]);
  return `# Rendered from manifests/overlays/${overlay} by "make manifests".\n${stdout}`;
}

if (import.meta.main) {
  for (const overlay of overlays()) await writeFile(installFile(overlay), await renderOverlay(overlay));
}
