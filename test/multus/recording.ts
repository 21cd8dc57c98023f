import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordedCall } from './recorder.ts';

const folder = join(import.meta.dirname, 'fixtures');

/** What Multus made of one pod: recorded by record.ts, replayed by replay.test.ts. */
export interface Recording {
  /** Version of Multus. */
  readonly multus: string;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** The pod's k8s.v1.cni.cncf.io/networks when the calls were made. */
  readonly selection: string;
  /** From the first ADD to the last DEL. */
  readonly calls: readonly RecordedCall[];
  /** The pod's k8s.v1.cni.cncf.io/network-status, which Multus wrote from the answers. */
  readonly networkStatus: string;
}

export function writeRecording(recording: Recording): void {
  writeFileSync(join(folder, `${recording.pod.name}.json`), `${JSON.stringify(recording, null, 2)}\n`);
}

export function readRecordings(): Recording[] {
  return readdirSync(folder)
    .filter(name => name.endsWith('.json'))
    .map(name => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Recording);
}
