import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Apt } from './apt.ts';
import { ensureArtifact, type Progress } from './artifact.ts';

const packages = [
  'etcd-server',
  'kubernetes-client',
  'containerd',
  'runc',
  'containernetworking-plugins',
  'busybox-static',
];

/** Unpacks Debian's etcd, kubectl, containerd, runc, reference CNI plugins and busybox; returns the root of their files. */
export async function ensureDebianPrograms(progress: Progress): Promise<string> {
  return ensureArtifact('debian-1', `${packages.join(', ')} from Debian`, progress, async folder => {
    const state = join(folder, 'apt');
    const apt = new Apt(state);
    await apt.update();
    await apt.unpack(packages, folder);
    rmSync(state, { recursive: true });
  });
}
