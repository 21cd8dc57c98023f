/** The system's images, without a container engine: see `usage`. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { step } from '../build/progress.ts';
import { run } from '../build/run.ts';
import { dockerArchive } from './dockerArchive.ts';
import { systemImages } from './systemImages.ts';
import { tar } from './tar.ts';

const usage = `Builds the images of webhook and agent.

  node images/build.ts                 both into dist/images/multi-nic.tar, for "docker load", "podman load" and "ctr images import"
  node images/build.ts --folders DIR   their files into DIR/webhook and DIR/agent, for images/Containerfile
`;

const archive = join(import.meta.dirname, '../dist/images/multi-nic.tar');

/**
 * Builds both images into one archive; the same sources give the same bytes.
 * @returns its absolute path
 */
export async function buildImages(): Promise<string> {
  const { webhook, agent } = await step('building the images', systemImages);
  await mkdir(dirname(archive), { recursive: true });
  await writeFile(archive, dockerArchive(webhook, agent));
  return archive;
}

/** Lays the files of each image out as they are in it. */
async function buildFolders(parent: string): Promise<void> {
  for (const [name, image] of Object.entries(await systemImages())) {
    const folder = join(parent, name);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    for (const layer of image.layers) {
      await run(['tar', '--extract', '--preserve-permissions', '--directory', folder], { input: tar(layer) });
    }
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { folders: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) process.stdout.write(usage);
  else if (values.folders !== undefined) await buildFolders(resolve(values.folders));
  else process.stdout.write(`${await buildImages()}\n`);
}
