import { runSysctl, sysctlPath } from '../sysctl.ts';
import type { Outcome, SysctlOp } from '../types.ts';
import { errorOf } from './answers.ts';
import { execute, type Place } from './program.ts';

/** Reads or writes a value of the batch's namespace: what /proc/sys/net shows depends on where the program is that opens it. */
export async function sysctl(op: SysctlOp, place: Place): Promise<string | Outcome> {
  if (place.namespaces.own === null) return runSysctl(op);
  const path = sysctlPath(op.key);
  const ended =
    op.op === 'sysctl.get' ? await execute(['cat', path], place) : await execute(['tee', path], place, `${op.value}\n`);
  if (ended.status !== 0) throw errorOf(ended.stderr);
  return op.op === 'sysctl.get' ? ended.stdout.trimEnd() : { done: true };
}
