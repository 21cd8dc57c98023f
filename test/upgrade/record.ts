/**
 * Program: records what the previous release (see previous.json) writes, into recorded/VERSION.json. Run it when a version has been
 * released and previous.json names it:
 *   node test/upgrade/record.ts
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namespace } from '../e2e/site.ts';
import { previous } from './previousRelease.ts';
import { recordCluster } from './recording.ts';
import { startPrevious } from './start.ts';

const { site, stop } = await startPrevious('record');
try {
  const recording = await recordCluster(site.cluster, site.client, previous.version, namespace);
  const file = join(import.meta.dirname, `recorded/${previous.version}.json`);
  await writeFile(file, `${JSON.stringify(recording, null, 2)}\n`);
  console.log(file);
} finally {
  await stop();
}
