import { isInterfaceName } from '../net/interfaceName.ts';
import { cniCodes, type CniError, cniError } from './error.ts';
import type { CniEnvironment, CniVariable } from './wire.ts';

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

/** The parameters of a call (CNI 1.1, section 2 "Parameters"), checked. What the verb does not need is ''. */
export interface CniCall {
  readonly command: CniCommand;
  readonly containerId: string;
  /** Path of the pod's network namespace; may be '' for DEL. */
  readonly netns: string;
  /** For DEL also what no interface can be named. */
  readonly ifname: string;
  /** CNI_ARGS, for example K8S_POD_NAMESPACE. */
  readonly args: Readonly<Record<string, string>>;
  /** CNI_PATH: folders with plugins, with colons between. */
  readonly path: string;
  /** CNI_NETNS_OVERRIDE, `1` or `true` as in libcni: the caller knows that the namespace is the host's own. */
  readonly allowHostNetns: boolean;
}

const required: Readonly<Record<CniCommand, readonly CniVariable[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'],
  GC: [],
  STATUS: [],
  VERSION: [],
};

/**
 * Reads the variables of a call.
 * @throws CniError code 4 (invalid environment) naming the variable
 */
export function readCall(env: CniEnvironment): CniCall {
  const command = env.CNI_COMMAND ?? '';
  if (!isCommand(command)) throw invalid('MNN_CNI_COMMAND', `CNI_COMMAND is ${JSON.stringify(command)}`);
  const missing = required[command].filter(name => (env[name] ?? '') === '');
  if (missing.length > 0) throw invalid('MNN_CNI_ENVIRONMENT', `${command} needs ${missing.join(', ')}`);
  const containerId = env.CNI_CONTAINERID ?? '';
  // CNI 1.1, section 2: "Must start with an alphanumeric character, optionally followed by … underscore, dot or hyphen".
  if (containerId !== '' && !/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(containerId)) {
    throw invalid('MNN_CNI_ENVIRONMENT', `CNI_CONTAINERID is ${JSON.stringify(containerId)}`);
  }
  const ifname = env.CNI_IFNAME ?? '';
  // A pod's author may have written it; its DEL has nothing to remove, and must not keep the pod from ending.
  if (ifname !== '' && command !== 'DEL' && !isInterfaceName(ifname)) {
    throw invalid(
      'MNN_CNI_ENVIRONMENT',
      `CNI_IFNAME is ${JSON.stringify(ifname)}, which no Linux interface can be named`,
    );
  }
  return {
    command,
    containerId,
    netns: env.CNI_NETNS ?? '',
    ifname,
    args: readArgs(env.CNI_ARGS ?? '', command),
    path: env.CNI_PATH ?? '',
    allowHostNetns: /^(1|true)$/i.test(env.CNI_NETNS_OVERRIDE ?? ''),
  };
}

function isCommand(value: string): value is CniCommand {
  return Object.hasOwn(required, value);
}

/**
 * `KEY=value;KEY=value`; later ones win. Only ADD and CHECK refuse what is no pair: a runtime that hands over such a thing must be able to end the
 * sandbox.
 */
function readArgs(text: string, command: CniCommand): Record<string, string> {
  const isStrict = command === 'ADD' || command === 'CHECK';
  const args: Record<string, string> = {};
  for (const pair of text.split(';')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    if (at > 0) args[pair.slice(0, at)] = pair.slice(at + 1);
    else if (isStrict)
      throw invalid('MNN_CNI_ENVIRONMENT', `CNI_ARGS has ${JSON.stringify(pair)}, which is not KEY=value`);
  }
  return args;
}

function invalid(row: 'MNN_CNI_COMMAND' | 'MNN_CNI_ENVIRONMENT', msg: string): CniError {
  return cniError(cniCodes.invalidEnvironment, row, msg);
}
