import type { CniCommand } from '../../core/cni/call.ts';
import { cniCodes, type CniError } from '../../core/cni/error.ts';
import { errorTable } from '../../core/errors.ts';
import { isRecord } from '../../core/json.ts';
import { PluginError } from './pluginError.ts';
import { type Ending, maxOutput, runToEnd } from './pluginProcess.ts';

/** One call of a plugin's executable. */
export interface PluginCall {
  readonly executable: string;
  readonly command: CniCommand;
  readonly env: Readonly<Record<string, string>>;
  readonly conf: object;
}

/** How much of what a plugin logged goes into an error, characters. */
const shownLog = 500;

/**
 * Runs a plugin as the specification says (CNI 1.1, section 3): configuration on stdin, parameters in the environment, and what it prints
 * is its answer.
 * @returns what it printed on stdout
 * @throws CniError the plugin's own, even if it exited with 0; code 103 if it died without one. The signal's reason if that aborted, which ends the
 *   plugin
 */
export async function execPlugin(call: PluginCall, signal?: AbortSignal): Promise<string> {
  signal?.throwIfAborted();
  const ending = await runToEnd(call.executable, call.env, JSON.stringify(call.conf), signal);
  if (ending.code === 0 && !ending.isTooLong && !errorObject(ending.stdout)) return ending.stdout;
  signal?.throwIfAborted();
  throw failureOf(call, ending);
}

/** The plugin's own error if it gave one: its code, what went wrong, and which plugin says so. */
function failureOf({ executable, command }: PluginCall, ending: Ending): CniError {
  const who = `plugin ${executable}, ${command}`;
  const own = errorObject(ending.stdout);
  if (own) return new PluginError(own.code, `${who}: ${own.msg}`, own.details, { words: JSON.stringify(own) });
  const { code, signal, stderr, startError, isTooLong } = ending;
  const ended = signal === null ? `ended with ${code ?? 'nothing'}` : `was ended by ${signal}`;
  const how = startError?.message ?? (isTooLong ? `printed more than ${maxOutput} bytes` : ended);
  const log = stderr.trim().slice(-shownLog);
  const words = startError?.message ?? (signal === null && !isTooLong ? log : '');
  return new PluginError(
    cniCodes.delegateFailed,
    `${who}: ${how}${log === '' ? '' : `: ${log}`}`,
    `MNN_DELEGATE_FAILED: ${errorTable.MNN_DELEGATE_FAILED}`,
    { words, cause: startError },
  );
}

/** CNI 1.1, section 5 "Error"; details are optional there. */
function errorObject(stdout: string): { code: number; msg: string; details: string } | undefined {
  let document: unknown;
  try {
    document = JSON.parse(stdout);
  } catch {
    return undefined; // it died before it could say anything
  }
  if (!isRecord(document) || typeof document.code !== 'number') return undefined;
  const { code, msg, details } = document;
  return {
    code,
    msg: typeof msg === 'string' ? msg : '',
    details: typeof details === 'string' ? details : '',
  };
}
