import { createHash } from 'node:crypto';
import { tar, type TarEntry } from './tar.ts';

export interface ImageSpec {
  /** For example docker.io/library/box:1 */
  reference: string;
  entrypoint: readonly string[];
  files: readonly TarEntry[];
  /** NAME=value; default PATH=/bin */
  env?: readonly string[];
}

/** The machine's architecture as container images name it. */
function architecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

/** A container image of one layer, as `docker save` writes it and `ctr images import` reads it. */
export function dockerArchive(image: ImageSpec): Buffer {
  const layer = tar(image.files);
  const created = '1970-01-01T00:00:00Z';
  const config = JSON.stringify({
    architecture: architecture(),
    os: 'linux',
    created,
    config: { Env: image.env ?? ['PATH=/bin'], Entrypoint: image.entrypoint },
    rootfs: { type: 'layers', diff_ids: [`sha256:${createHash('sha256').update(layer).digest('hex')}`] },
    history: [{ created }],
  });
  const manifest = JSON.stringify([{ Config: 'config.json', RepoTags: [image.reference], Layers: ['layer.tar'] }]);
  return tar([
    { path: 'config.json', content: config },
    { path: 'layer.tar', content: layer },
    { path: 'manifest.json', content: manifest },
  ]);
}
