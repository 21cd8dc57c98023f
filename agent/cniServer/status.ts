import type { CniCall } from '../../core/cni/call.ts';
import type { CniConfig } from '../../core/cni/config.ts';
import { cniCodes, cniError } from '../../core/cni/error.ts';
import { networkDelegates } from '../delegate/networkDelegates.ts';
import type { CniContext } from './context.ts';

/**
 * STATUS (CNI 1.1, section 2): whether an ADD could be served now, by the agent and by the plugins that the network is made with.
 * @throws CniError code 50 where the agent is not ready, or a delegate's own
 */
export async function status({ view, delegates }: CniContext, call: CniCall, { name }: CniConfig): Promise<string> {
  if (!view.synced()) {
    throw cniError(
      cniCodes.notAvailable,
      'MNN_AGENT_NOT_READY',
      'The agent has not read its objects from the API server yet',
    );
  }
  const known = view.network(name);
  for (const delegate of known ? networkDelegates(known.state.network) : [])
    await delegates.status(delegate, call.path);
  return '';
}
