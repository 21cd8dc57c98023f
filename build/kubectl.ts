import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { privateApt } from './apt.ts';
import { cached } from './cacheDir.ts';
import { step } from './progress.ts';

/** The Debian suite whose kubectl is taken: the oldest whose kustomize knows components. */
const suite = 'trixie';

/** A kubectl that renders the overlays, from the cache; nothing is installed. @returns its path */
export async function renderingKubectl(): Promise<string> {
  const folder = await cached(`kubectl-${suite}-1`, directory =>
    step(`unpacking kubectl of Debian ${suite}, once for this machine`, async () => {
      const state = join(directory, '.apt');
      const apt = await privateApt(state, { types: ['deb'], suite });
      // Another source of this machine may have a newer one.
      await apt.unpack([`kubectl/${suite}`], directory);
      await rm(state, { recursive: true });
    }),
  );
  return join(folder, 'usr/bin/kubectl');
}
