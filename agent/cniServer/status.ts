import type { CniCall } from '../../core/cni/call.ts';
import type { CniConfig } from '../../core/cni/config.ts';
import { cniCodes, CniError, cniError } from '../../core/cni/error.ts';
import { isMultiNicError } from '../../core/errors.ts';
import { abortable, deadline } from '../../kube/api/deadline.ts';
import { networkDelegates } from '../delegate/networkDelegates.ts';
import type { CniContext } from './context.ts';

/** How long an agent that has just started may take to read its objects, ms: ADD waits for them, too, and the executable longer than this. */
const patienceMs = 3_000;

/**
 * STATUS (CNI 1.1, section 2): whether an ADD could be served now, by the agent, with the addresses that are left on the node, and by the plugins
 * that the network is made with.
 * @throws CniError code 50 where the agent is not ready or nothing is left, or a delegate's own
 */
export async function status(
  { view, synced, delegates, checkRoom }: CniContext,
  call: CniCall,
  { name, chained }: CniConfig,
): Promise<string> {
  if (!view.synced()) {
    using limit = deadline(undefined, patienceMs, 'STATUS');
    await abortable(synced, limit.signal).catch(() => undefined);
  }
  if (!view.synced()) {
    throw cniError(
      cniCodes.notAvailable,
      'MNN_AGENT_NOT_READY',
      'The agent has not read its objects from the API server yet',
    );
  }
  // Chained, the name is the primary network's: the node must not become unready for one of ours.
  const known = chained ? undefined : view.network(name);
  if (!known) return '';
  try {
    checkRoom(known);
  } catch (error) {
    if (!isMultiNicError(error)) throw error;
    throw cniError(cniCodes.notAvailable, error.code, error.detail, { cause: error });
  }
  for (const delegate of networkDelegates(known.state.network)) {
    await delegates.status(delegate, call.path).catch(notAvailable);
  }
  return '';
}

/** A plugin that is not there, or dies, has no code of its own for it. */
function notAvailable(error: unknown): never {
  if (!(error instanceof CniError) || error.code !== cniCodes.delegateFailed) throw error;
  throw new CniError(cniCodes.notAvailable, error.message, error.details, { cause: error });
}
