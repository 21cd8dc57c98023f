import { globSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from '../../build/cacheDir.ts';
import { step } from '../../build/progress.ts';
import { run } from '../../build/run.ts';
import type { Cluster } from '../cluster/index.ts';

const root = join(import.meta.dirname, '../..');

/** The release before this one, as previous.json names it: whoever releases a version writes its commit there, and records its data. */
export interface Previous {
  version: string;
  commit: string;
}

export const previous = JSON.parse(await readFile(join(import.meta.dirname, 'previous.json'), 'utf8')) as Previous;

/** What was built of the previous release. */
export interface PreviousRelease {
  /** Its images, as `docker save` writes them. */
  archive: string;
  /** Its folder `manifests`. */
  manifests: string;
}

/** Whether the clone has the previous release's commit; one that was cut off at some depth has not. */
export async function hasPrevious(): Promise<boolean> {
  const { code } = await run(['git', 'cat-file', '-e', `${previous.commit}^{commit}`], {
    cwd: root,
    allowFailure: true,
  });
  return code === 0;
}

/** The previous release, built from its commit, once for a machine. */
export async function previousRelease(): Promise<PreviousRelease> {
  const folder = await cached(`release-${previous.commit}`, directory =>
    step(`building the previous release (${previous.version}), once for this machine`, async () => {
      const sources = await mkdtemp(join(tmpdir(), 'multi-nic-previous-'));
      try {
        await unpackSources(sources);
        await installPackages(sources);
        await run([process.execPath, 'images/build.ts'], { cwd: sources, env: environmentOf(sources) });
        await cp(join(sources, 'dist/images/multi-nic.tar'), join(directory, 'images.tar'));
        await cp(join(sources, 'manifests'), join(directory, 'manifests'), { recursive: true });
      } finally {
        await rm(sources, { recursive: true, force: true });
      }
    }),
  );
  return { archive: join(folder, 'images.tar'), manifests: join(folder, 'manifests') };
}

async function unpackSources(folder: string): Promise<void> {
  const archive = join(folder, '.sources.tar');
  await run(['git', 'archive', '--output', archive, previous.commit], { cwd: root });
  await run(['tar', '-x', '-f', archive, '-C', folder]);
}

/** Those of this clone where they are the same, which saves the download. */
async function installPackages(folder: string): Promise<void> {
  const [theirs, ours] = await Promise.all(
    [folder, root].map(parent => readFile(join(parent, 'package-lock.json'), 'utf8')),
  );
  if (theirs === ours) await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  else await run(['npm', 'ci', '--no-progress', '--loglevel=error'], { cwd: folder });
}

function environmentOf(folder: string): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${join(folder, 'node_modules/.bin')}:${process.env.PATH ?? ''}` };
}

/** The tag under which a cluster has the previous images, whatever version they say: the present one may not have got its own yet. */
const tag = 'previous';

/**
 * Loads the previous images into every node, under a tag of their own; call it before the present ones are loaded.
 * @returns a folder with the previous release's `manifests`, which name that tag
 */
export async function loadPrevious(cluster: Cluster, { archive, manifests }: PreviousRelease): Promise<string> {
  const images = ['webhook', 'agent'].map(program => `docker.io/library/multi-nic-${program}`);
  const ctr = ['ctr', '--namespace', 'k8s.io', 'images'];
  for (const node of cluster.nodes) {
    await node.importImage(archive);
    for (const image of images) await node.exec([...ctr, 'tag', `${image}:${previous.version}`, `${image}:${tag}`]);
  }
  const clone = join(cluster.runFolder, 'previous');
  await mkdir(clone);
  await cp(manifests, join(clone, 'manifests'), { recursive: true });
  for (const path of globSync('**/{deployment,daemonset}.yaml', { cwd: join(clone, 'manifests/base') })) {
    const file = join(clone, 'manifests/base', path);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replaceAll(/(image: multi-nic-\w+):\S+/g, `$1:${tag}`));
  }
  return clone;
}
