import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { renderingKubectl } from '../../build/kubectl.ts';
import { run } from '../../build/run.ts';
import type { Cluster } from '../cluster/index.ts';

const root = join(import.meta.dirname, '../..');
const guide = readFileSync(join(root, 'docs/guides/install.md'), 'utf8');

/** A block of docs/guides/install.md that is marked to be run by this name. @throws Error where there is none */
function block(name: string): string {
  const found = new RegExp(`<!-- run: ${name} -->\\n+\`\`\`sh\\n(.*?)^\`\`\`$`, 'ms').exec(guide)?.[1];
  if (found === undefined) throw new Error(`docs/guides/install.md has no shell block "${name}"`);
  return found;
}

/** Does what the guide says, in the clone, as administrator, with another overlay where it names one. */
export async function followGuide(cluster: Cluster, name: string, overlay: string): Promise<void> {
  const script = block(name).replaceAll('overlays/self-managed', `overlays/${overlay}`);
  const path = `${dirname(await renderingKubectl())}:${process.env.PATH ?? ''}`;
  // What kubectl remembers of a server goes by its address, which the next cluster may have.
  const env = { ...process.env, PATH: path, KUBECONFIG: cluster.kubeconfig, HOME: cluster.runFolder };
  await run(['sh', '-eu', '-c', script], { cwd: root, env });
}
