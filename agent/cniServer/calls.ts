import { readCall, type CniCall, type CniCommand } from '../../core/cni/call.ts';
import { cniCodes, encodeCniError, toCniError, type CniError } from '../../core/cni/error.ts';
import { readConfig, type CniConfig } from '../../core/cni/config.ts';
import { encodeVersionAnswer, newestVersion, versionOf } from '../../core/cni/versions.ts';
import { wireVersion, type CniAnswer, type CniRequest } from '../../core/cni/wire.ts';
import { deadline } from '../../kube/deadline.ts';
import type { Budget } from '../decision/decider.ts';
import { add } from './add.ts';
import { check } from './check.ts';
import { collectGarbage } from './collectGarbage.ts';
import type { CniContext } from './context.ts';
import { remove } from './remove.ts';
import { KeyedSerial } from './serial.ts';
import { status } from './status.ts';

/** What a call may take, ms: less than the executable waits (cni/agent.ts), so that the agent says why. */
const limitsMs: Readonly<Record<CniCommand, number>> = {
  ADD: 90_000,
  CHECK: 30_000,
  DEL: 60_000,
  GC: 90_000,
  STATUS: 4_000,
  VERSION: 4_000,
};

/** What metrics want to know. */
export interface CallObserver {
  answered(command: string, code: number, seconds: number): void;
}

/** Answers CNI calls: side by side for different sandboxes, in order for one. */
export class CniCalls {
  readonly #context: CniContext;
  readonly #observer: CallObserver | undefined;
  readonly #serial = new KeyedSerial();

  constructor(context: CniContext, observer?: CallObserver) {
    this.#context = context;
    this.#observer = observer;
  }

  /** Never rejects: what goes wrong is a CNI error in the answer. */
  async answer({ env, stdin }: CniRequest): Promise<CniAnswer> {
    const started = performance.now();
    let answer: CniAnswer;
    let code = 0;
    try {
      answer = { version: wireVersion, exitCode: 0, stdout: await this.#dispatch(readCall(env), stdin) };
    } catch (error) {
      const failure = toCniError(error);
      code = failure.code;
      const cniVersion = versionOf(stdin) ?? newestVersion;
      this.#report(env, failure);
      answer = { version: wireVersion, exitCode: 1, stdout: encodeCniError(failure, cniVersion) };
    }
    this.#observer?.answered(env.CNI_COMMAND ?? '', code, (performance.now() - started) / 1000);
    return answer;
  }

  /** Does work on a sandbox while no call for it is under way. */
  exclusively<T>(containerId: string, work: () => Promise<T>): Promise<T> {
    return this.#serial.run(containerId, work);
  }

  /** What a runtime asked wrongly, or may ask again, needs no stack; what we did not expect does. STATUS is asked all the time. */
  #report(env: CniRequest['env'], { code, message, details, cause }: CniError): void {
    const { CNI_COMMAND: command, CNI_CONTAINERID: container, CNI_IFNAME: ifname, CNI_ARGS: args } = env;
    const level = command === 'STATUS' ? 'debug' : 'warn';
    const why = code === cniCodes.internal ? { err: cause } : {};
    this.#context.log[level](
      { command, container, ifname, args, code, details, ...why },
      `CNI call failed: ${message}`,
    );
  }

  async #dispatch(call: CniCall, stdin: string): Promise<string> {
    if (call.command === 'VERSION') return encodeVersionAnswer(stdin);
    const config = readConfig(stdin);
    const limitMs = limitsMs[call.command];
    const end = performance.now() + limitMs;
    using limit = deadline(undefined, limitMs, `CNI ${call.command}`);
    const budget: Budget = { signal: limit.signal, remainingMs: () => Math.max(1, end - performance.now()) };
    if (call.command === 'STATUS') return status(this.#context, call, config);
    if (call.command === 'GC') {
      return collectGarbage(this.#context, call, config, (containerId, work) => this.exclusively(containerId, work));
    }
    return this.exclusively(call.containerId, () => this.#ofSandbox(call, config, budget));
  }

  async #ofSandbox(call: CniCall, config: CniConfig, budget: Budget): Promise<string> {
    if (call.command === 'ADD') return add(this.#context, call, config, budget);
    if (call.command === 'DEL') return remove(this.#context, call);
    return check(this.#context, call, config);
  }
}
