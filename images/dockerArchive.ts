import { createHash } from 'node:crypto';
import { tar, type TarEntry } from './tar.ts';

export interface ImageSpec {
  /** For example docker.io/library/box:1 */
  reference: string;
  entrypoint: readonly string[];
  /** From the lowest up. Images with the same layer share it, wherever they are stored. */
  layers: readonly (readonly TarEntry[])[];
  /** NAME=value; default PATH=/bin */
  env?: readonly string[];
  /** UID:GID, numeric, so that Kubernetes can see that it is not root. Default: root. */
  user?: string;
  labels?: Readonly<Record<string, string>>;
}

/** The machine's architecture as container images name it. */
function architecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Container images as `docker save` writes them and `docker load` and `ctr images import` read them. The same bytes every time. */
export function dockerArchive(...images: readonly ImageSpec[]): Buffer {
  const files = new Map<string, Uint8Array | string>();
  const manifest = images.map(image => {
    const layers = image.layers.map(layer => {
      const content = tar(layer);
      const digest = sha256(content);
      files.set(`${digest}.tar`, content);
      return digest;
    });
    const config = JSON.stringify(configOf(image, layers));
    const name = `${sha256(config)}.json`;
    files.set(name, config);
    return { Config: name, RepoTags: [image.reference], Layers: layers.map(digest => `${digest}.tar`) };
  });
  files.set('manifest.json', JSON.stringify(manifest));
  return tar([...files].map(([path, content]) => ({ path, content })));
}

/** OCI image specification, "Image Configuration". */
function configOf({ entrypoint, env, user, labels }: ImageSpec, layers: readonly string[]): object {
  const created = '1970-01-01T00:00:00Z';
  return {
    architecture: architecture(),
    os: 'linux',
    created,
    config: {
      Env: env ?? ['PATH=/bin'],
      Entrypoint: entrypoint,
      ...(user !== undefined && { User: user }),
      ...(labels && { Labels: labels }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(digest => `sha256:${digest}`) },
    history: layers.map(() => ({ created })),
  };
}
