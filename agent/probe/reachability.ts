import { listNames } from '../../core/status/condition.ts';
import type { ConditionState } from '../discovery/hostInterfaceWriter.ts';
import type { Peer, ProbedNic } from './peers.ts';

/** How many peers are asked in a round. */
const peersAsked = 3;
/** A NIC is unreachable after this many rounds in a row without any answer. */
const silentLimit = 3;
const shownNics = 8;

/** What is known of one NIC in one subnet. */
export interface Reachability {
  /** Undefined: it has not been asked often enough. */
  readonly reachable: boolean | undefined;
  /** Rounds since the last answer. */
  readonly silentRounds: number;
  /** Number of silent rounds so far; after each one, others are asked. */
  readonly turn: number;
  /** Hosts that did not answer, up to the round in which it became unreachable. */
  readonly silent: readonly string[];
}

export const unknown: Reachability = { reachable: undefined, silentRounds: 0, turn: 0, silent: [] };

/**
 * Whom to ask in the next round: after a silent one, other hosts, so that a few hosts that are down neither make a NIC unreachable nor keep it so;
 * else the same ones, so that a NIC that only some hosts answer does not keep changing its state.
 */
export function nextPeers({ peers }: ProbedNic, { turn }: Reachability): Peer[] {
  const start = (peersAsked * turn) % peers.length;
  return [...peers.slice(start), ...peers.slice(0, start)].slice(0, peersAsked);
}

/** What is known after one more round. @param asked hosts, at least one; @param answers how many of them answered */
export function afterRound(before: Reachability, asked: readonly string[], answers: number): Reachability {
  if (answers > 0) return { reachable: true, silentRounds: 0, turn: before.turn, silent: [] };
  const silentRounds = before.silentRounds + 1;
  const turn = before.turn + 1;
  if (before.reachable === false) return { ...before, silentRounds, turn };
  const reachable = silentRounds < silentLimit ? before.reachable : false;
  return { reachable, silentRounds, turn, silent: [...new Set([...before.silent, ...asked])] };
}

/** In words, for a NIC that is unreachable. */
export function noAnswer({ nic, subnet }: Pick<ProbedNic, 'nic' | 'subnet'>, { silent }: Reachability): string {
  return `${nic} gets no answer in ${subnet} from ${listNames(silent)}`;
}

const type = 'PeersReachable';

export const probeOff: ConditionState = {
  type,
  status: 'Unknown',
  reason: 'ProbeOff',
  message: 'NICs of other hosts are not asked for an answer',
};

/**
 * The condition for the HostInterface; it changes only when a NIC becomes unreachable or is reached again. Undefined: it stays as it is, as after a
 * start, until more is known.
 */
export function peersCondition(
  nics: readonly { readonly probed: ProbedNic; readonly state: Reachability }[],
): ConditionState | undefined {
  if (nics.length === 0) {
    return { type, status: 'Unknown', reason: 'NoPeers', message: 'No NIC has a counterpart on another host to ask' };
  }
  const unreachable = nics.filter(({ state }) => state.reachable === false);
  if (unreachable.length > 0) {
    const lines = unreachable.map(({ probed, state }) => noAnswer(probed, state));
    const more = lines.length - shownNics;
    const message = lines.slice(0, shownNics).join('; ') + (more > 0 ? `; and ${more} more` : '');
    return { type, status: 'False', reason: 'NoAnswer', message };
  }
  if (nics.some(({ state }) => state.reachable === undefined)) return undefined;
  return {
    type,
    status: 'True',
    reason: 'Answered',
    message: 'Each NIC whose link is up gets answers from its counterparts on other hosts',
  };
}
