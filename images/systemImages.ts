import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildCni } from '../build/buildCni.ts';
import { bundle, type ProgramName } from './bundle.ts';
import type { ImageSpec } from './dockerArchive.ts';
import { nodePath, runtimeLayer, unprivileged } from './runtime.ts';
import type { TarEntry } from './tar.ts';

const repository = join(import.meta.dirname, '..');

/** Where a program is in its image. */
const programFolder = 'app';

/** The images of the system, by program. */
export type SystemImages = Readonly<Record<ProgramName, ImageSpec>>;

/**
 * The contents of the system's images, built from the clone for this machine's architecture: Node with its libraries in a layer that both
 * have, the bundled program above it, and in the agent's also koffi and the CNI executable.
 * @throws Error if something that builds them is missing or fails, with its output
 */
export async function systemImages(): Promise<SystemImages> {
  const koffi = await koffiFiles();
  const runtime = await runtimeLayer([koffi.addon]);
  const executable = await readFile(await buildCni());
  const { version } = await packageOf(repository);
  const image = (program: ProgramName, files: readonly TarEntry[], args: readonly string[] = []): ImageSpec => ({
    reference: `docker.io/library/multi-nic-${program}:${version}`,
    entrypoint: [nodePath, `/${programFolder}/${program}.js`, ...args],
    layers: [runtime, files],
    env: ['PATH=/usr/bin'],
    labels: {
      'org.opencontainers.image.title': `multi-nic-${program}`,
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.licenses': 'Apache-2.0',
    },
  });
  const cni: TarEntry = { path: `${programFolder}/multi-nic`, mode: 0o755, content: executable };
  return {
    webhook: { ...image('webhook', await programFiles('webhook')), user: `${unprivileged}:${unprivileged}` },
    agent: image('agent', [...(await programFiles('agent')), ...koffi.files, cni], [`--executable=/${cni.path}`]),
  };
}

/** The bundle, with a package.json that declares its files as ECMAScript modules. */
async function programFiles(program: ProgramName): Promise<TarEntry[]> {
  const work = await mkdtemp(join(tmpdir(), 'multi-nic-bundle-'));
  try {
    await bundle(program, work);
    const bundled = await filesIn(work, await readdir(work), programFolder);
    return [{ path: `${programFolder}/package.json`, content: '{"type":"module"}\n' }, ...bundled];
  } finally {
    await rm(work, { recursive: true });
  }
}

/** What Node loads of koffi on this architecture with the GNU C library. */
async function koffiFiles(): Promise<{ addon: string; files: TarEntry[] }> {
  const native = `@koromix/koffi-linux-${process.arch}`;
  const addon = `linux_${process.arch}/koffi.node`;
  const parts: Readonly<Record<string, readonly string[]>> = {
    koffi: ['package.json', 'index.js', 'src/koffi/index.js', 'src/koffi/src/static.js'],
    [native]: ['package.json', 'index.js', addon],
  };
  const folder = (name: string): string => join(repository, 'node_modules', name);
  const files = await Promise.all(
    Object.entries(parts).map(([name, names]) => filesIn(folder(name), names, `${programFolder}/node_modules/${name}`)),
  );
  return { addon: join(folder(native), addon), files: files.flat() };
}

async function filesIn(folder: string, names: readonly string[], target: string): Promise<TarEntry[]> {
  const sorted = [...names].sort();
  return Promise.all(
    sorted.map(async name => ({ path: `${target}/${name}`, content: await readFile(join(folder, name)) })),
  );
}

async function packageOf(folder: string): Promise<{ version: string }> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
}
