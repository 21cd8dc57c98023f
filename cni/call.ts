import { type CniCode, cniCodes, cniError, encodeCniError } from '../core/cni/error.ts';
import { encodeVersionAnswer, newestVersion, versionOf } from '../core/cni/versions.ts';
import {
  type CniEnvironment,
  cniVariables,
  defaultSocketPath,
  maxConfigBytes,
  socketVariable,
  uninstalledMark,
} from '../core/cni/wire.ts';
import { type ErrorCode, MultiNicError } from '../core/errors.ts';
import { askAgent } from './agent.ts';
import type { Native } from './native.ts';

/** What the program prints and exits with. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  /** For a person or a log, on standard error. */
  readonly log?: string;
}

/** How long the runtime may take to write the configuration and close it, ms: it has it in memory. */
const stdinTimeoutMs = 30_000;

/** What answers each verb while the agent is away (CNI 1.1, section 2 "STATUS" and section 5 "Error"); VERSION never asks it. */
const awayCodes: Readonly<Record<string, CniCode>> = {
  ADD: cniCodes.tryAgainLater,
  CHECK: cniCodes.tryAgainLater,
  DEL: cniCodes.tryAgainLater,
  GC: cniCodes.tryAgainLater,
  STATUS: cniCodes.notAvailable,
};

/** Reads one CNI call from the environment and standard input, and returns its answer. Never throws, whatever comes from outside. */
export function answerOf(native: Native): Outcome {
  const env = cniEnvironment(native);
  const command = env.CNI_COMMAND ?? '';
  if (command === '') return calledByHand(native);
  const config =
    command === 'VERSION' && native.stdinIsTerminal() ? '' : native.readStdin(maxConfigBytes, stdinTimeoutMs);
  if (command === 'VERSION') {
    return { exitCode: 0, stdout: encodeVersionAnswer(typeof config === 'string' ? config : '') };
  }
  if (typeof config !== 'string') {
    return failure(
      '',
      cniCodes.ioFailure,
      'MNN_CNI_STDIN',
      `The network configuration cannot be read: ${native.strerror(config)}`,
    );
  }
  const awayCode = awayCodes[command];
  if (awayCode === undefined) {
    return failure(config, cniCodes.invalidEnvironment, 'MNN_CNI_COMMAND', `CNI_COMMAND is ${JSON.stringify(command)}`);
  }
  const path = socketPath(native);
  const uninstalled = command === 'DEL' && native.exists(uninstalledMark(path));
  const patience = uninstalled ? 'none' : command === 'STATUS' ? 'question' : 'work';
  try {
    return askAgent(native, { path, env, config, patience });
  } catch (error) {
    if (!(error instanceof MultiNicError)) throw error;
    // The pod's links go with its network namespace.
    if (uninstalled) return { exitCode: 0, stdout: '' };
    return failure(config, awayCode, error.code, error.detail);
  }
}

function socketPath(native: Native): string {
  const given = native.getenv(socketVariable) ?? '';
  return given === '' ? defaultSocketPath : given;
}

function cniEnvironment(native: Native): CniEnvironment {
  const entries = cniVariables.map(name => [name, native.getenv(name)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** A person gets the answer asked for; a runtime never passes arguments, so without them a missing CNI_COMMAND is an error. */
function calledByHand(native: Native): Outcome {
  if (native.args.includes('--version')) return { exitCode: 0, stdout: `multi-nic ${programVersion}\n` };
  if (native.args.includes('--help')) return { exitCode: 0, stdout: usage };
  const error = failure(
    '',
    cniCodes.invalidEnvironment,
    'MNN_CNI_BY_HAND',
    'The environment variable CNI_COMMAND is not set',
  );
  return { ...error, log: usage };
}

const usage = `multi-nic ${programVersion}: the CNI plugin of multi-nic

Container runtimes, and Multus, call this program as the CNI specification says (https://www.cni.dev/docs/spec/): the call is in the
variables CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS and CNI_PATH, the network configuration on standard input. The program
hands the call to the multi-nic agent of this node and prints the agent's answer.

By hand: is the agent ready to work?
  echo '{"cniVersion":"1.1.0","name":"x","type":"multi-nic"}' | CNI_COMMAND=STATUS CNI_PATH=/opt/cni/bin multi-nic; echo "exit code $?"

The agent's socket: ${defaultSocketPath}, or the value of the variable ${socketVariable}.
`;

/** A CNI error object, in the version that `config` names. */
function failure(config: string, code: CniCode, error: ErrorCode, msg: string): Outcome {
  return { exitCode: 1, stdout: encodeCniError(cniError(code, error, msg), versionOf(config) ?? newestVersion) };
}
