import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { renderingKubectl } from '../../build/kubectl.ts';
import { run } from '../../build/run.ts';
import type { Cluster } from '../cluster/index.ts';
import { shellBlock } from './pages.ts';

const root = join(import.meta.dirname, '../..');

export interface GuideOptions {
  /** Instead of the one that the guide names; this cluster's nodes have no Multus. */
  overlay?: string;
  /** The folder that the reader stands in: the clone's root, unless it is another release's, for example. */
  cwd?: string;
  /** What the reader types instead of what stands there: the names of own nodes, for example. */
  replace?: Readonly<Record<string, string>>;
}

/**
 * Does as administrator what a block of a page says.
 * @param id of the block, `<page>: <name>`
 * @returns what it printed
 */
export async function followGuide(
  cluster: Pick<Cluster, 'kubeconfig' | 'runFolder'>,
  id: string,
  { overlay = 'chained', cwd = root, replace = {} }: GuideOptions = {},
): Promise<string> {
  let script = shellBlock(id).text.replaceAll(/overlays\/[\w-]+/g, `overlays/${overlay}`);
  for (const [from, to] of Object.entries(replace)) script = script.replaceAll(from, to);
  const programs = await pluginFolder(cluster.runFolder);
  const env = {
    ...process.env,
    PATH: `${programs}:${dirname(await renderingKubectl())}:${process.env.PATH ?? ''}`,
    KUBECONFIG: cluster.kubeconfig,
    // What kubectl remembers of a server goes by its address, which the next cluster may have.
    KUBECACHEDIR: join(cluster.runFolder, 'guide-cache'),
  };
  const { stdout } = await run(['sh', '-eu', '-c', script], { cwd, env });
  return stdout;
}

/** A folder for the PATH with kubectl-multinic in it, as docs/reference/kubectl-multinic.md says. */
async function pluginFolder(runFolder: string): Promise<string> {
  const folder = join(runFolder, 'bin');
  await mkdir(folder, { recursive: true });
  const script = shellBlock('kubectl-multinic: plugin').text.replaceAll('/usr/local/bin', folder);
  await run(['sh', '-eu', '-c', script], { cwd: root });
  return folder;
}
