import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { renderingKubectl } from '../../build/kubectl.ts';
import { run } from '../../build/run.ts';
import type { Cluster } from '../cluster/index.ts';

const root = join(import.meta.dirname, '../..');

/** A block of a guide that is marked to be run by this name. @throws Error where there is none */
function block(guide: string, name: string): string {
  const text = readFileSync(join(root, `docs/guides/${guide}.md`), 'utf8');
  const found = new RegExp(`<!-- run: ${name} -->\\n+\`\`\`sh\\n(.*?)^\`\`\`$`, 'ms').exec(text)?.[1];
  if (found === undefined) throw new Error(`docs/guides/${guide}.md has no shell block "${name}"`);
  return found;
}

export interface GuideOptions {
  /** The page of docs/guides, without its ending. */
  guide?: string;
  /** The clone that the reader stands in: another release's, for example. */
  clone?: string;
}

/** Does what a guide says, in a clone, as administrator, with another overlay where it names one. */
export async function followGuide(
  cluster: Cluster,
  name: string,
  overlay: string,
  { guide = 'install', clone = root }: GuideOptions = {},
): Promise<void> {
  const script = block(guide, name).replaceAll('overlays/self-managed', `overlays/${overlay}`);
  const path = `${dirname(await renderingKubectl())}:${process.env.PATH ?? ''}`;
  // What kubectl remembers of a server goes by its address, which the next cluster may have.
  const env = { ...process.env, PATH: path, KUBECONFIG: cluster.kubeconfig, HOME: cluster.runFolder };
  await run(['sh', '-eu', '-c', script], { cwd: clone, env });
}
