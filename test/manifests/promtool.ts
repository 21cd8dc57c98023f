import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { privateApt } from '../../build/apt.ts';
import { cached } from '../../build/cacheDir.ts';
import { step } from '../../build/progress.ts';

/** Prometheus' checker of rules and metrics, from the cache; nothing is installed. @returns its path */
export async function promtool(): Promise<string> {
  const folder = await cached('promtool-bookworm-1', directory =>
    step("unpacking Debian's promtool, once for this machine", async () => {
      const state = join(directory, '.apt');
      const apt = await privateApt(state, { types: ['deb'], suite: 'bookworm' });
      await apt.unpack(['prometheus'], directory);
      await rm(state, { recursive: true });
      await rm(join(directory, 'usr/bin/prometheus'));
    }),
  );
  return join(folder, 'usr/bin/promtool');
}
