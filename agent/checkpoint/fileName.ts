import { createHash } from 'node:crypto';
import { type CheckpointEntry, entryKey } from './entry.ts';

const suffix = '.json';
/** Longest name without suffix that is used as it is; what is longer is hashed. Well below NAME_MAX. */
const longest = 200;

/** An attachment whose file is there, but is no entry: what the file's name tells of it. */
export interface LostAttachment {
  readonly fileName: string;
  readonly containerId: string;
  readonly ifname: string;
  /** Agents up to 0.1.0 gave their files names without it. */
  readonly network: string | undefined;
}

/** The name of an entry's file. It tells what has to be known to remove the attachment if the file is torn. */
export function fileNameOf(entry: Pick<CheckpointEntry, 'containerId' | 'ifname' | 'network'>): string {
  const name = `${entryKey(entry)}@${entry.network}`;
  return `${name.length <= longest ? name : createHash('sha256').update(name).digest('hex')}${suffix}`;
}

/** Whether a file of the folder should hold an entry. */
export function isEntryFile(fileName: string): boolean {
  return fileName.endsWith(suffix);
}

/** What a file's name tells; undefined if it is hashed. */
export function lostAttachment(fileName: string): LostAttachment | undefined {
  // Neither containers nor networks have an @ in their names.
  const parts = /^(?<containerId>[^@]+)@(?<ifname>.+?)(?:@(?<network>[^@]+))?$/.exec(fileName.slice(0, -suffix.length));
  const { containerId, ifname, network } = parts?.groups ?? {};
  return containerId === undefined || ifname === undefined ? undefined : { fileName, containerId, ifname, network };
}
