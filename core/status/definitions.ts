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
  /** What keeps the network from its devices, for types whose devices a device plugin hands out. */
  devices?: DevicesProblem;
}

/** Why pods of a network can get no devices, and what to do. `NoDeviceResource` does not pass by itself. */
export interface DevicesProblem {
  reason: 'NoDeviceResource' | 'SriovObjectsMissing';
  message: string;
}

/** The condition DefinitionsReady, and what it means for configStatus. */
export interface DefinitionsSummary {
  condition: NewCondition;
  configStatus: ConfigStatus;
}

/**
 * Sums up where the definitions stand.
 * @param stored the condition as it is stored; it holds while a new leader does not know better
 */
export function definitionsSummary(state: DefinitionsState, stored: NewCondition | undefined): DefinitionsSummary {
  const { installed, wanted, ready, foreign, failures, devices } = state;
  if (installed === undefined) {
    if (stored) return summary(stored.status, stored.reason, stored.message);
    return summary('Unknown', 'Starting', 'whether the cluster has NetworkAttachmentDefinitions is not known yet');
  }
  if (devices) return summary('False', devices.reason, devices.message);
  if (!installed) {
    const message = 'the cluster has no NetworkAttachmentDefinition resource (no Multus), so none are made';
    return summary('True', 'NotInstalled', message);
  }
  const [failure] = failures;
  if (failure) {
    const [namespace, message] = failure;
    return summary('False', 'WriteFailed', `${ready} of ${wanted} namespaces; ${namespace}: ${message}`);
  }
  if (ready + foreign.length < wanted) return summary('False', 'Writing', `${ready} of ${wanted} namespaces`);
  if (foreign.length > 0) {
    const what = `${listNames(foreign)}: a NetworkAttachmentDefinition of this name that is not ours; delete or rename it`;
    // Who may write in one namespace makes the network unusable there, and not in the others.
    return summary(ready > 0 ? 'True' : 'False', 'NameTaken', `in ${ready} of ${wanted} namespaces; ${what}`);
  }
  return summary('True', 'DefinitionsReady', `in ${wanted} namespaces`);
}

function summary(status: NewCondition['status'], reason: string, message: string): DefinitionsSummary {
  const condition = { type: 'DefinitionsReady', status, reason, message };
  if (status === 'True') return { condition, configStatus: 'Success' };
  const isLasting = reason === 'NameTaken' || reason === 'NoDeviceResource';
  return { condition, configStatus: isLasting ? 'Failed' : 'WaitForConfig' };
}
