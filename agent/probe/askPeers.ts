import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import { abortable, deadline } from '../../kube/api/deadline.ts';
import { SystemError } from '../netlink/libc.ts';
import type { Family } from '../netlink/types.ts';
import { tokenSize } from './echo.ts';
import { EchoSocket } from './echoSocket.ts';

/** One question: does this address answer over this NIC? */
export interface Question {
  /** Index of the NIC that it leaves by. */
  readonly device: number;
  readonly address: string;
}

/**
 * Asks all at once, and waits until all have answered, the time is up, or the signal aborts. It leaves nothing open.
 * Importing this module throws where koffi has no build.
 * @returns seconds from each question to its answer, in their order; undefined: no answer, or it could not be asked
 * @throws SystemError where there are no sockets for it
 */
export async function askPeers(
  questions: readonly Question[],
  waitMs: number,
  signal: AbortSignal,
): Promise<(number | undefined)[]> {
  const token = randomBytes(tokenSize);
  const sentAt: number[] = [];
  const seconds = questions.map((): number | undefined => undefined);
  const allAnswered = Promise.withResolvers<void>();
  let unanswered = 0;
  const answered = (sequence: number): void => {
    const at = sentAt[sequence];
    if (at === undefined || seconds[sequence] !== undefined) return;
    seconds[sequence] = (performance.now() - at) / 1000;
    if (--unanswered === 0) allAnswered.resolve();
  };
  using closing = new DisposableStack();
  const sockets = new Map<Family, EchoSocket | undefined>();
  for (const [sequence, { device, address }] of questions.entries()) {
    const family = address.includes(':') ? 6 : 4;
    if (!sockets.has(family)) sockets.set(family, closing.use(openSocket(family, token, answered)));
    const socket = sockets.get(family);
    sentAt[sequence] = performance.now();
    if (socket && isSent(socket, device, address, sequence)) unanswered++;
  }
  using ending = deadline(signal, waitMs, 'echo requests');
  // Running out of time, or the end of the agent, is no error: those that have not answered by then are counted as silent.
  if (unanswered > 0) await abortable(allAnswered.promise, ending.signal).catch(() => undefined);
  return seconds;
}

/** Undefined if the kernel has no IPv6, and thus reaches nobody over it. */
function openSocket(...options: ConstructorParameters<typeof EchoSocket>): EchoSocket | undefined {
  try {
    return new EchoSocket(...options);
  } catch (error) {
    if (error instanceof SystemError && error.errno === constants.errno.EAFNOSUPPORT) return undefined;
    throw error;
  }
}

/** The NIC may have gone into a pod meanwhile, have no way to the address, or the host may filter: it all counts as no answer. */
function isSent(socket: EchoSocket, device: number, address: string, sequence: number): boolean {
  try {
    socket.send(device, address, sequence);
    return true;
  } catch (error) {
    if (error instanceof SystemError) return false;
    throw error;
  }
}
