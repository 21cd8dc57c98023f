import { type CniCall, readCall } from '../../core/cni/call.ts';
import { type CniConfig, readConfig } from '../../core/cni/config.ts';
import { cniCodes, type CniError, cniError, encodeCniError, toCniError } from '../../core/cni/error.ts';
import { encodeVersionAnswer, newestVersion, versionOf } from '../../core/cni/versions.ts';
import { type CniAnswer, type CniRequest, wireVersion } from '../../core/cni/wire.ts';
import { deadline, timeLeft } from '../../kube/api/deadline.ts';
import { isRetryable } from '../../kube/api/errors.ts';
import type { Budget } from '../decision/wanted.ts';
import { add } from './add.ts';
import { check } from './check.ts';
import { collectGarbage } from './collectGarbage.ts';
import type { CniContext } from './context.ts';
import { remove } from './remove.ts';
import { status } from './status.ts';

/**
 * How long ADD may take, ms: less than the executable waits (cni/agent.ts), so that the agent can say why. What other verbs wait for has its
 * own limits (delegates.ts).
 */
const defaultAddLimitMs = 90_000;

/** What metrics want to know. */
export interface CallObserver {
  answered(command: string, code: number, seconds: number): void;
}

/** Answers CNI calls: in parallel for different sandboxes, in order for each one. */
export class CniCalls {
  readonly #context: CniContext;
  readonly #observer: CallObserver | undefined;
  readonly #addLimitMs: number;
  #lastArrival: number;

  constructor(context: CniContext, observer?: CallObserver, { addLimitMs = defaultAddLimitMs } = {}) {
    this.#context = context;
    this.#observer = observer;
    this.#addLimitMs = addLimitMs;
    this.#lastArrival = context.checkpoint.latestArrival();
  }

  /** Never rejects: what goes wrong is a CNI error in the answer. */
  async answer({ env, stdin }: CniRequest): Promise<CniAnswer> {
    const started = performance.now();
    let answer: CniAnswer;
    let code = 0;
    try {
      answer = { version: wireVersion, exitCode: 0, stdout: await this.#dispatch(readCall(env), stdin) };
    } catch (error) {
      const failure = failureOf(error);
      code = failure.code;
      const cniVersion = versionOf(stdin) ?? newestVersion;
      this.#report(env, failure);
      answer = { version: wireVersion, exitCode: 1, stdout: encodeCniError(failure, cniVersion) };
    }
    const ms = performance.now() - started;
    this.#observer?.answered(env.CNI_COMMAND ?? '', code, ms / 1000);
    if (code === 0) this.#context.logger.debug({ ...described(env), ms: Math.round(ms) }, 'CNI call answered');
    return answer;
  }

  /** Mistakes of a runtime, and calls that it may repeat, need no stack; what we did not expect does. STATUS is called all the time. */
  #report(env: CniRequest['env'], { code, message, details, cause }: CniError): void {
    const level = env.CNI_COMMAND === 'STATUS' ? 'debug' : 'warn';
    const why = code === cniCodes.internal ? { err: cause } : {};
    this.#context.logger[level]({ ...described(env), code, details, ...why }, `CNI call failed: ${message}`);
  }

  async #dispatch(call: CniCall, stdin: string): Promise<string> {
    if (call.command === 'VERSION') return encodeVersionAnswer(stdin);
    const config = readConfig(stdin, call.command);
    const exclusively = <T>(work: () => Promise<T>): Promise<T> => this.#context.sandboxes.run(call.containerId, work);
    switch (call.command) {
      case 'ADD':
        return this.#add(call, config);
      case 'DEL':
        return exclusively(() => remove(this.#context, call, config));
      case 'CHECK':
        return exclusively(() => check(this.#context, call, config));
      case 'GC':
        return collectGarbage(this.#context, call, config);
      case 'STATUS':
        return status(this.#context, call, config);
    }
  }

  async #add(call: CniCall, config: CniConfig): Promise<string> {
    const limitMs = this.#addLimitMs;
    using limit = deadline(undefined, limitMs, 'CNI ADD');
    const budget: Budget = { since: this.#arrival(), signal: limit.signal, remainingMs: timeLeft(limitMs) };
    return await this.#context.sandboxes.run(call.containerId, () => add(this.#context, call, config, budget));
  }

  /** The time, but never the same nor an earlier one, also across a restart: clocks are set back. */
  #arrival(): string {
    this.#lastArrival = Math.max(Date.now(), this.#lastArrival + 1);
    return new Date(this.#lastArrival).toISOString();
  }
}

/** An API server that is away or overloaded says nothing about the call itself: the runtime may repeat it. */
function failureOf(error: unknown): CniError {
  if (!isRetryable(error)) return toCniError(error);
  return cniError(cniCodes.tryAgainLater, 'MNN_DEADLINE', error.message, { cause: error });
}

/** What the log says of a call. */
function described(env: CniRequest['env']): object {
  const { CNI_COMMAND: command, CNI_CONTAINERID: container, CNI_IFNAME: ifname, CNI_ARGS: args } = env;
  return { command, container, ifname, args };
}
