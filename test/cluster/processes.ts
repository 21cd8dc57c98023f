import { readdirSync, readFileSync } from 'node:fs';

/** A process for good: ids are reused, an id with its start time (clock ticks since boot) is not. */
export interface ProcessIdentity {
  pid: number;
  startTime: string;
}

/** The environment variable that marks every process of a cluster, and what they start in turn. */
export const markVariable = 'MULTI_NIC_TEST_CLUSTER';

/** Identifies a running process; undefined when there is none with that id (a zombie counts as none). */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readProc(pid, 'stat');
  if (stat === undefined) return undefined;
  // proc(5): the second field, the name in brackets, may hold spaces; state is field 3 and starttime field 22
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  return state === 'Z' || state === 'X' || startTime === undefined ? undefined : { pid, startTime };
}

/** Whether exactly this process still runs. */
export function isAlive(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startTime === process.startTime;
}

/** The ids of all running processes that carry a cluster's mark in their environment. */
export function markedProcesses(mark: string): number[] {
  const entry = `${markVariable}=${mark}`;
  return readdirSync('/proc')
    .map(Number)
    .filter(pid => pid > 1 && pid !== process.pid)
    .filter(pid => readProc(pid, 'environ')?.split('\0').includes(entry) === true)
    .filter(pid => identify(pid) !== undefined);
}

/** Ends a process at once. That it is gone already is fine. */
export function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined; // the process has ended, or is another user's
  }
}
