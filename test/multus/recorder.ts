import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterNode } from '../cluster/index.ts';

/** One call as the CNI executable got it. */
export interface RecordedCall {
  /** The CNI variables of its environment, `NAME=value`, in their order. */
  readonly environment: readonly string[];
  readonly stdin: string;
}

const callsFolder = '/var/lib/multi-nic/calls';

/**
 * Writes a program to take the CNI executable's place: it keeps what it is called with, and has the executable answer.
 * @returns its path, in `folder`
 */
export function writeRecorder(executable: string, folder: string): string {
  const path = join(folder, 'recorder');
  writeFileSync(
    path,
    `#!/bin/sh
set -eu
call=${callsFolder}/$(date +%s.%N)-$$
mkdir -p "$call.part"
cat /proc/$$/environ > "$call.part/environment"
cat > "$call.part/stdin"
mv "$call.part" "$call"
exec ${executable} < "$call/stdin"
`,
    { mode: 0o755 },
  );
  return path;
}

/** The calls made on a node for a pod, in order. */
export function callsFor(node: ClusterNode, pod: { namespace: string; name: string }): RecordedCall[] {
  const folder = node.path(callsFolder);
  mkdirSync(folder, { recursive: true });
  const calls = readdirSync(folder)
    .filter(name => !name.endsWith('.part'))
    .sort()
    .map((name): RecordedCall => {
      const environment = readFileSync(join(folder, name, 'environment'), 'utf8').split('\0');
      return {
        environment: environment.filter(entry => entry.startsWith('CNI_')),
        stdin: readFileSync(join(folder, name, 'stdin'), 'utf8'),
      };
    });
  return calls.filter(call => {
    const args = variable(call, 'CNI_ARGS').split(';');
    return args.includes(`K8S_POD_NAMESPACE=${pod.namespace}`) && args.includes(`K8S_POD_NAME=${pod.name}`);
  });
}

/** The value of a variable of a call; '' where it is not set. */
export function variable({ environment }: RecordedCall, name: string): string {
  return environment.find(entry => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
}
