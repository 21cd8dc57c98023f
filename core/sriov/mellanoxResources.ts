import type { ObjectMeta } from '../api/types.ts';
import { messageOf } from '../errors.ts';
import { isRecord } from '../json.ts';

/** NicClusterPolicy (mellanox.com/v1alpha1) of the NVIDIA network operator, as much as is read of it. */
export interface NicClusterPolicy {
  metadata: ObjectMeta;
  spec?: { sriovDevicePlugin?: { config?: string } };
}

/** Prefix of the operator's device plugin for entries that name none. */
const defaultPrefix = 'nvidia.com';

/** The device plugin's resources, or why there are none and what to do. */
export type MellanoxResources = { kind: 'found'; resources: readonly string[] } | { kind: 'none'; problem: string };

/**
 * The resources of `mellanox` networks: `prefix/name` of every entry of the policy's resourceList.
 * The operator has one policy; of several the first by name that has resources counts.
 */
export function mellanoxResources(policies: Iterable<NicClusterPolicy>): MellanoxResources {
  const sorted = [...policies].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const problems: string[] = [];
  for (const policy of sorted) {
    const found = resourcesOf(policy);
    if (typeof found !== 'string') return { kind: 'found', resources: found };
    problems.push(found);
  }
  return none(problems.join('; ') || 'the cluster has no NicClusterPolicy; create one that lists them');
}

/** For a cluster that has no such resource at all. */
export const noNicClusterPolicies: MellanoxResources = none(
  'the cluster has no NicClusterPolicy resource: install the NVIDIA network operator, or use the type host-device',
);

function none(detail: string): MellanoxResources {
  return { kind: 'none', problem: `no device resources for a network of type mellanox: ${detail}` };
}

/** The policy's resources, at least one; else what is wrong with it. */
function resourcesOf({ metadata: { name }, spec }: NicClusterPolicy): string[] | string {
  const field = `NicClusterPolicy ${name}: spec.sriovDevicePlugin.config`;
  const config = spec?.sriovDevicePlugin?.config;
  if (typeof config !== 'string' || config === '') return `${field} is not set; list the devices there`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(config);
  } catch (error) {
    return `${field} is not JSON (${messageOf(error)}); correct it`;
  }
  const list = isRecord(parsed) ? parsed.resourceList : undefined;
  const names = (Array.isArray(list) ? (list as unknown[]) : []).flatMap(entry => resourceOf(entry) ?? []);
  return names.length > 0 ? [...new Set(names)] : `${field} has no entry with a resourceName in resourceList; add one`;
}

function resourceOf(entry: unknown): string | undefined {
  if (!isRecord(entry)) return undefined;
  const { resourcePrefix, resourceName } = entry;
  if (typeof resourceName !== 'string' || resourceName === '') return undefined;
  return `${typeof resourcePrefix === 'string' && resourcePrefix !== '' ? resourcePrefix : defaultPrefix}/${resourceName}`;
}
