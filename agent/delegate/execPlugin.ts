import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import type { CniCommand } from '../../core/cni/call.ts';
import { cniCodes, type CniError } from '../../core/cni/error.ts';
import { errorTable } from '../../core/errors.ts';
import { isRecord } from '../../core/json.ts';
import { PluginError } from './pluginError.ts';

/** One call of a plugin's executable. */
export interface PluginCall {
  readonly executable: string;
  readonly command: CniCommand;
  readonly env: Readonly<Record<string, string>>;
  readonly conf: object;
}

/** More than any plugin has to say, bytes. */
const maxOutput = 4 * 1024 * 1024;
/** How long what a plugin printed may take to arrive after its end, ms: programs that it left behind may hold its output open for ever. */
const lastWordsMs = 1000;
/** How much of what a plugin logged goes into an error, characters. */
const shownLog = 500;

/**
 * Runs a plugin as the specification says (CNI 1.1, section 3): configuration on stdin, parameters in the environment, and what it prints
 * is its answer.
 * @returns what it printed on stdout
 * @throws CniError the plugin's own, also of one that forgets to exit with a code for it, or code 103 where it died without one; the signal's reason where that aborted, and the plugin is ended
 */
export async function execPlugin(call: PluginCall, signal?: AbortSignal): Promise<string> {
  signal?.throwIfAborted();
  const ending = await run(call, signal);
  if (ending.code === 0 && !ending.tooLong && !errorObject(ending.stdout)) return ending.stdout;
  signal?.throwIfAborted();
  throw failureOf(call, ending);
}

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tooLong: boolean;
  readonly startError?: Error;
}

function run({ executable, env, conf }: PluginCall, signal: AbortSignal | undefined): Promise<Ending> {
  let child: ChildProcessWithoutNullStreams;
  try {
    // A group of its own, so that the plugins which it calls in turn end with it.
    child = spawn(executable, { stdio: ['pipe', 'pipe', 'pipe'], env, detached: true });
  } catch (error) {
    // Of most errnos the child tells by its event; not so of ETXTBSY, while somebody is writing a newer executable over this one.
    const startError = error instanceof Error ? error : new Error(String(error));
    return Promise.resolve({ code: null, signal: null, stdout: '', stderr: '', tooLong: false, startError });
  }
  const end = (): void => {
    if (child.pid === undefined || child.exitCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  };
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let length = 0;
  const keep = (into: Buffer[]) => (data: Buffer) => {
    length += data.length;
    if (length > maxOutput) end();
    else into.push(data);
  };
  child.stdout.on('data', keep(stdout));
  child.stderr.on('data', keep(stderr));
  // A plugin may end without having read its configuration (EPIPE): what it printed says why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(conf));
  signal?.addEventListener('abort', end, { once: true });
  return new Promise(resolve => {
    let lastWords: NodeJS.Timeout | undefined;
    const settle = (code: number | null, by: NodeJS.Signals | null, startError?: Error): void => {
      signal?.removeEventListener('abort', end);
      clearTimeout(lastWords);
      resolve({
        code,
        signal: by,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
        tooLong: length > maxOutput,
        ...(startError && { startError }),
      });
    };
    child.once('error', error => {
      settle(null, null, error);
    });
    child.once('exit', () => {
      lastWords = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, lastWordsMs);
    });
    child.once('close', (code, by) => {
      settle(code, by);
    });
  });
}

/** The plugin's own words where it had any: its code, what went wrong, and which plugin says so. */
function failureOf({ executable, command }: PluginCall, ending: Ending): CniError {
  const who = `plugin ${executable}, ${command}`;
  const own = errorObject(ending.stdout);
  if (own) return new PluginError(own.code, `${who}: ${own.msg}`, own.details, JSON.stringify(own));
  const { code, signal, stderr, startError, tooLong } = ending;
  const ended = signal === null ? `ended with ${code ?? 'nothing'}` : `was ended by ${signal}`;
  const how = startError?.message ?? (tooLong ? `printed more than ${maxOutput} bytes` : ended);
  const log = stderr.trim().slice(-shownLog);
  const words = startError?.message ?? (signal === null && !tooLong ? log : '');
  return new PluginError(
    cniCodes.delegateFailed,
    `${who}: ${how}${log === '' ? '' : `: ${log}`}`,
    `MNN_DELEGATE_FAILED: ${errorTable.MNN_DELEGATE_FAILED}`,
    words,
    { cause: startError },
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
