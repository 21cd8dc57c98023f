import { deviceResource } from '../../core/network/deviceResource.ts';
import type { Network } from '../../core/network/network.ts';
import { type MellanoxResources, mellanoxResources, noNicClusterPolicies } from '../../core/sriov/mellanoxResources.ts';
import type { DevicesProblem } from '../../core/status/definitions.ts';
import type { OptionalResources } from './optionalResources.ts';

/** The resources of a network's devices: none for types without devices; unknown while they are. */
export type NetworkDevices = { kind: 'known'; resources: readonly string[] } | { kind: 'unknown' };

/** Finds out which resources the devices of a network are. */
export function networkDevices(network: Network, { clusterPolicies }: OptionalResources): NetworkDevices {
  const { plugin } = network.spec;
  if (plugin.type !== 'mellanox') {
    const resource = deviceResource(network.name, plugin);
    return { kind: 'known', resources: resource === undefined ? [] : [resource] };
  }
  const found = ofClusterPolicies(clusterPolicies);
  return found?.kind === 'found' ? { kind: 'known', resources: found.resources } : { kind: 'unknown' };
}

/** Why a `mellanox` network has no devices; undefined for any other, and while it is not known. Without Multus nobody reads the annotation. */
export function mellanoxProblem(network: Network, optional: OptionalResources): DevicesProblem | undefined {
  if (network.spec.plugin.type !== 'mellanox' || optional.definitions.installed === false) return undefined;
  const found = ofClusterPolicies(optional.clusterPolicies);
  return found?.kind === 'none' ? { reason: 'NoDeviceResource', message: found.problem } : undefined;
}

function ofClusterPolicies(policies: OptionalResources['clusterPolicies']): MellanoxResources | undefined {
  if (policies.installed === undefined) return undefined;
  return policies.installed ? mellanoxResources(policies.informer.list()) : noNicClusterPolicies;
}
