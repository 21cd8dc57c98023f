import type { ConfigStatus } from '../api/types.ts';
import { listNames, type NewCondition } from './condition.ts';

/** Where the NetworkAttachmentDefinitions of one network stand. */
export interface DefinitionsState {
  /** Whether the cluster has the resource at all: without Multus it need not. Undefined while that is not known. */
  installed: boolean | undefined;
  /** Namespaces that the network applies to. */
  wanted: number;
  /** Namespaces whose definition is as it should be. */
  ready: number;
  /** Namespaces in which somebody else's definition has the network's name. */
  foreign: string[];
  /** Why others could not be written, by namespace. */
  failures: ReadonlyMap<string, string>;
}

/** The condition DefinitionsReady, and what it means for configStatus. */
export function definitionsCondition(state: DefinitionsState): { condition: NewCondition; configStatus: ConfigStatus } {
  const { installed, wanted, ready, foreign, failures } = state;
  if (installed === undefined) {
    return condition('Unknown', 'Starting', 'whether the cluster has NetworkAttachmentDefinitions is not known yet');
  }
  if (!installed) {
    const message = 'the cluster has no NetworkAttachmentDefinition resource (no Multus), so none are made';
    return condition('True', 'NotInstalled', message);
  }
  if (foreign.length > 0) {
    const message = `a NetworkAttachmentDefinition of this name that is not ours is in ${listNames(foreign)}; delete or rename it`;
    return condition('False', 'NameTaken', message);
  }
  if (failures.size > 0) {
    const [[namespace, message] = ['', '']] = failures;
    return condition('False', 'WriteFailed', `${ready} of ${wanted} namespaces; ${namespace}: ${message}`);
  }
  if (ready < wanted) return condition('False', 'Writing', `${ready} of ${wanted} namespaces`);
  return condition('True', 'DefinitionsReady', `in ${wanted} namespaces`);
}

const configStatuses: Record<string, ConfigStatus> = {
  True: 'Success',
  Unknown: 'WaitForConfig',
  False: 'WaitForConfig',
};

function condition(
  status: NewCondition['status'],
  reason: string,
  message: string,
): { condition: NewCondition; configStatus: ConfigStatus } {
  const configStatus = reason === 'NameTaken' ? 'Failed' : (configStatuses[status] ?? 'WaitForConfig');
  return { condition: { type: 'DefinitionsReady', status, reason, message }, configStatus };
}
