import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { privateApt } from '../../build/apt.ts';
import { cached } from '../../build/cacheDir.ts';
import { step } from '../../build/progress.ts';

const packages = [
  'etcd-server',
  'kubernetes-client',
  'containerd',
  'runc',
  'containernetworking-plugins',
  'busybox-static',
];

/** Unpacks Debian's etcd, kubectl, containerd, runc, reference CNI plugins and busybox; returns the root of their files. */
export async function ensureDebianPrograms(): Promise<string> {
  return cached('debian-1', folder =>
    step(`unpacking Debian's ${packages.join(', ')}, once for this machine`, async () => {
      const state = join(folder, '.apt');
      const apt = await privateApt(state, { types: ['deb'], suite: 'bookworm' });
      await apt.unpack(packages, folder);
      await rm(state, { recursive: true });
    }),
  );
}
