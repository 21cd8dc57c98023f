import { type CniAnswer, type CniEnvironment, decodeAnswer, encodeRequest, maxAnswerBytes } from '../core/cni/wire.ts';
import { MultiNicError } from '../core/errors.ts';
import type { Native } from './native.ts';

/** One call, ready to be handed to the agent. */
export interface AgentCall {
  /** The agent's unix socket. */
  readonly path: string;
  readonly env: CniEnvironment;
  /** The network configuration, verbatim. */
  readonly config: string;
  readonly patience: Patience;
}

/**
 * Bounds, ms. An agent that is being replaced is away for a second or two. The kubelet gives a whole sandbox two minutes
 * or more (its runtime request timeout), Multus calls one network after the other within it: 110 s gives the agent, which
 * gives up earlier by itself, the time to say why.
 */
const bounds = {
  work: { connectMs: 5_000, answerMs: 110_000 },
  /** Whether work could be done, for which an agent that is being replaced would be waited for: else the node would be unready meanwhile. */
  question: { connectMs: 5_000, answerMs: 5_000 },
  /** What is true now. */
  none: { connectMs: 0, answerMs: 5_000 },
} as const;

/** How long to wait for an agent that is restarting, and for its answer. */
export type Patience = keyof typeof bounds;

/** Sleeps between attempts to connect, ms: doubled from the first to the last. */
const firstSleepMs = 10;
const lastSleepMs = 200;

/** What connect(2) says about a socket whose agent may come back: ENOENT, EAGAIN (queue full), ECONNREFUSED, on every Linux that is run. */
const mayComeBack: ReadonlySet<number> = new Set([-2, -11, -111]);

/**
 * Asks the agent.
 * @throws MultiNicError MNN_AGENT_AWAY where it cannot be reached or does not answer, MNN_WIRE_INVALID where its answer is cut short
 * or is none
 */
export function askAgent(native: Native, call: AgentCall): CniAnswer {
  const { connectMs, answerMs } = bounds[call.patience];
  const socket = connect(native, call.path, connectMs);
  const answer = native.exchange(socket, encodeRequest(call.env, call.config), answerMs, maxAnswerBytes);
  if (typeof answer === 'string' && answer !== '') return decodeAnswer(answer);
  const reason = typeof answer === 'string' ? 'the connection was closed' : native.strerror(answer);
  throw new MultiNicError('MNN_AGENT_AWAY', `The agent at ${call.path} did not answer: ${reason}`);
}

/** Connects, trying again for up to `windowMs` while the agent may be starting. @returns the socket's file descriptor */
function connect(native: Native, path: string, windowMs: number): number {
  const end = native.now() + windowMs;
  for (let sleepMs = firstSleepMs; ; sleepMs = Math.min(2 * sleepMs, lastSleepMs)) {
    const socket = native.connect(path);
    if (socket >= 0) return socket;
    if (!mayComeBack.has(socket) || native.now() + sleepMs > end) {
      throw new MultiNicError('MNN_AGENT_AWAY', `No agent listens at ${path}: ${native.strerror(socket)}`);
    }
    native.sleep(sleepMs);
  }
}
