import { cniCodes, cniError } from '../../core/cni/error.ts';
import { abortable } from '../../kube/api/deadline.ts';
import type { CniContext } from './context.ts';

/** Waits for what is still being read from the API server. @throws CniError code 11 */
export async function ready({ synced }: Pick<CniContext, 'synced'>, signal: AbortSignal): Promise<void> {
  try {
    await abortable(synced, signal);
  } catch (cause) {
    const detail = 'The agent has not read its objects from the API server yet';
    throw cniError(cniCodes.tryAgainLater, 'MNN_AGENT_NOT_READY', detail, { cause });
  }
}
