import type { CniCommand } from '../../core/cni/call.ts';
import type { ValidAttachment } from '../../core/cni/config.ts';
import { type CniCode, cniCodes, cniError } from '../../core/cni/error.ts';
import { type ReadResult, readResult } from '../../core/cni/readResult.ts';
import type { Delegate } from '../../core/delegate/delegate.ts';
import { errorTable } from '../../core/errors.ts';
import { isRecord } from '../../core/json.ts';
import { compareNaturally } from '../../core/naturalOrder.ts';
import { tryParseCidr } from '../../core/net/cidr.ts';
import { deadline } from '../../kube/api/deadline.ts';
import { Limit } from '../../kube/process/limit.ts';
import { execPlugin } from './execPlugin.ts';
import { findPlugin } from './findPlugin.ts';
import { PluginHung } from './pluginError.ts';

/** The parameters that another plugin is called with for one interface. */
export interface DelegateCall {
  readonly containerId: string;
  /** '' if the namespace is gone. */
  readonly netns: string;
  readonly ifname: string;
  /** CNI_ARGS of the call that this one serves. */
  readonly args: string;
  /** CNI_PATH of the call that this one serves. */
  readonly path: string;
}

/** A plugin's result: the object that is handed back for CHECK and DEL, and what is read from it. */
export interface DelegateResult {
  readonly printed: Record<string, unknown>;
  readonly result: ReadResult;
}

/**
 * One ADD.
 * @param prevResult of what was called before for the interface
 * @throws CniError the plugin's own; 11 if the signal ended it, 103 if it does not exist, died, or gave nothing to work with, 6 if its answer is no result
 */
export type AddCall = (delegate: Delegate, call: DelegateCall, prevResult?: Printed) => Promise<DelegateResult>;

/** One call of a plugin. */
interface Execution {
  readonly command: CniCommand;
  readonly delegate: Delegate;
  readonly call: DelegateCall;
  /** What its configuration has in addition. */
  readonly more?: object;
  /** Ends it, as does the time that it has, ms: that of its verb where none is given. */
  readonly signal?: AbortSignal;
  readonly limitMs?: number;
}

/** A result as it is handed back. */
type Printed = DelegateResult['printed'];

/**
 * How long a plugin may take for one interface, ms. One that hangs must not keep the sandbox's later calls for ever; ADD is bounded as a whole,
 * and STATUS by what the executable waits (cni/agent.ts).
 */
const limitsMs: Readonly<Record<CniCommand, number>> = {
  ADD: Infinity,
  CHECK: 30_000,
  DEL: 60_000,
  GC: 60_000,
  STATUS: 3_000,
  VERSION: 3_000,
};

/** This IPAM plugin answers every CHECK with the error that it is not implemented. What it gave is looked at all the same, on the interfaces. */
const withoutCheck = 'whereabouts';

/**
 * How many calls for one network go on at the same time. After a reboot a node's pods start all at once, and plugins take their memory from the agent's
 * container; those written with client-go take some 20 MiB each. Those that hang hold up their own network only.
 */
const callsAtOnce = 16;

/** How long DEL may take for a plugin that has just hung, ms: there may be more NICs, and the executable waits for all of them. */
const impatientMs = 2_000;

/** Calls other CNI plugins on behalf of a network (CNI 1.1, section 4). Calls for one container must not overlap. */
export class Delegates {
  readonly #folders: readonly string[];
  readonly #limitsMs: typeof limitsMs;
  /** By network. */
  readonly #turns = new Map<string, Limit>();

  /**
   * @param folders where plugins are searched after the call's own CNI_PATH
   * @param limits other limits, ms
   */
  constructor(folders: readonly string[], limits: Partial<typeof limitsMs> = {}) {
    this.#folders = folders;
    this.#limitsMs = { ...limitsMs, ...limits };
  }

  /**
   * Does the work when it is its turn: the calls for all NICs of one ADD. If each of them waited for a turn of its own, behind those of all other pods,
   * hardly any ADD would be done in time where there are many.
   * @throws what the work throws; the signal's reason if that aborts before, with nothing done
   */
  inTurn<T>(network: string, signal: AbortSignal, work: (add: AddCall) => Promise<T>): Promise<T> {
    return this.#turnsOf(network).run(async () => {
      signal.throwIfAborted();
      return work((delegate, call, prevResult) =>
        this.#add({ command: 'ADD', delegate, call, more: { prevResult }, signal }),
      );
    }, signal);
  }

  async #add(execution: Execution): Promise<DelegateResult> {
    const { delegate } = execution;
    const stdout = await this.#execNow(execution);
    let printed: unknown;
    try {
      printed = JSON.parse(stdout);
    } catch (cause) {
      throw noResult(delegate, stdout, cause);
    }
    if (!isRecord(printed)) throw noResult(delegate, stdout);
    const result = readResult(printed);
    const mistake = mistakeIn(delegate, result);
    if (mistake !== undefined) throw failed(delegate, cniCodes.delegateFailed, mistake);
    return { printed, result };
  }

  /**
   * Removes what is left of what ADD made.
   * @param last what ADD printed, if it got so far, and whether the plugin has just been ended
   * @throws CniError
   */
  async del(
    delegate: Delegate,
    call: DelegateCall,
    { printed: prevResult, hasHung }: { readonly printed?: Printed | undefined; readonly hasHung: boolean },
  ): Promise<void> {
    const more = prevResult && isAtLeast(delegate, '0.4.0') ? { prevResult } : {};
    await this.#exec({ command: 'DEL', delegate, call, more, ...(hasHung && { limitMs: impatientMs }) });
  }

  /**
   * A plugin that supports nothing newer than 0.3 is not called: CHECK came later; nor is one that has none, or that hands it on to one that has none.
   * @throws CniError
   */
  async check(delegate: Delegate, call: DelegateCall, prevResult: Printed): Promise<void> {
    const { type } = delegate.conf.ipam ?? {};
    if (isAtLeast(delegate, '0.4.0') && type !== withoutCheck)
      await this.#exec({ command: 'CHECK', delegate, call, more: { prevResult } });
  }

  /** A plugin of 1.1 or later is called; an older one only has to be installed. @throws CniError why no ADD could be served now */
  async status(delegate: Delegate, path: string): Promise<void> {
    if (isAtLeast(delegate, '1.1.0')) await this.#exec({ command: 'STATUS', delegate, call: { ...noInterface, path } });
    else await findPlugin(executableOf(delegate), this.#foldersOf(path));
  }

  /** Called from 1.1 on: removes everything but these, which are named under both keys, as libcni does. @throws CniError */
  async collectGarbage(delegate: Delegate, path: string, valid: readonly ValidAttachment[]): Promise<void> {
    if (!isAtLeast(delegate, '1.1.0')) return;
    const more = { 'cni.dev/valid-attachments': valid, 'cni.dev/attachments': valid };
    await this.#exec({ command: 'GC', delegate, call: { ...noInterface, path }, more });
  }

  /** Those of the call's CNI_PATH first. */
  #foldersOf(path: string): string[] {
    const ofCall = path.split(':').filter(folder => folder !== '');
    return [...new Set([...ofCall, ...this.#folders])];
  }

  #turnsOf(network: string): Limit {
    const turns = this.#turns.get(network) ?? new Limit(callsAtOnce);
    this.#turns.set(network, turns);
    return turns;
  }

  #exec(execution: Execution): Promise<string> {
    return this.#turnsOf(execution.delegate.conf.name).run(() => this.#execNow(execution));
  }

  async #execNow(execution: Execution): Promise<string> {
    const { command, delegate, call, more, signal, limitMs = this.#limitsMs[command] } = execution;
    signal?.throwIfAborted();
    const folders = this.#foldersOf(call.path);
    const executable = await findPlugin(executableOf(delegate), folders);
    const conf = { ...delegate.conf, ...more };
    using limit = deadline(signal, limitMs, command);
    try {
      const env = environment(command, { ...call, args: argsFor(delegate, call) }, folders);
      return await execPlugin({ executable, command, env, conf }, limit.signal);
    } catch (error) {
      if (!limit.signal.aborted) throw error;
      const code = command === 'STATUS' ? cniCodes.notAvailable : cniCodes.tryAgainLater;
      const why = signal?.aborted ? 'the call took too long' : `it took ${limitMs} ms`;
      const details = `MNN_DELEGATE_FAILED: ${errorTable.MNN_DELEGATE_FAILED}`;
      throw new PluginHung(code, `plugin ${executable}, ${command}: it was ended, as ${why}`, details, {
        cause: error,
      });
    }
  }
}

const noInterface = { containerId: '', netns: '', ifname: '', args: '' };

function environment(
  command: CniCommand,
  { containerId, netns, ifname, args }: DelegateCall,
  folders: readonly string[],
): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin',
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_ARGS: args,
    CNI_PATH: folders.join(':'),
  };
}

/** The address and hardware address that the pod's author may have asked for are of those that make the interface. */
function argsFor({ role }: Delegate, { args }: DelegateCall): string {
  if (role !== 'chained') return args;
  const pairs = args.split(';').filter(pair => !/^(?:IP|GATEWAY|MAC)=/.test(pair));
  return pairs.join(';');
}

function executableOf({ role, conf }: Delegate): string {
  if (role !== 'ipam') return conf.type;
  if (typeof conf.ipam?.type === 'string') return conf.ipam.type;
  throw cniError(cniCodes.invalidConfig, 'MNN_CNI_CONFIG', `network ${conf.name}: its IPAM has no type`);
}

function isAtLeast({ conf }: Delegate, version: string): boolean {
  return compareNaturally(conf.cniVersion, version) >= 0;
}

function noResult(delegate: Delegate, stdout: string, cause?: unknown): Error {
  const what = `it printed ${JSON.stringify(stdout.slice(0, 200))}`;
  return failed(delegate, cniCodes.decodingFailure, what, cause);
}

/** Refuses a result from which no interface can be made. The reference plugins, too, refuse an IPAM plugin that gives no address. */
function mistakeIn({ role }: Delegate, { ips, routes }: ReadResult): string | undefined {
  if (role === 'ipam' && ips.length === 0) return 'it gave no address';
  const address = ips.find(ip => !tryParseCidr(ip.address));
  if (address) return `it gave the address "${address.address}", which is not an address with a prefix length`;
  const route = role === 'ipam' ? routes.find(({ dst }) => !tryParseCidr(dst)) : undefined;
  return route && `it gave a route to "${route.dst}", which is not a network`;
}

function failed(delegate: Delegate, code: CniCode, what: string, cause?: unknown): Error {
  return cniError(code, 'MNN_DELEGATE_FAILED', `plugin ${executableOf(delegate)}, ADD: ${what}`, { cause });
}
