import { deviceResource, ownResource } from '../network/deviceResource.ts';
import { type Finding, warning } from '../network/finding.ts';
import type { Network } from '../network/network.ts';
import { makesDevices } from '../sriov/objects.ts';
import type { Draft } from './draft.ts';

/** Functions are requested by their resource alone, and its name cannot have all that networks' names have. */
export function checkDevices({ name, spec }: Draft, networks: readonly Network[]): Finding[] {
  if (!makesDevices({ spec })) return [];
  const other = networks.find(
    ({ name: theirs, spec: their }) =>
      theirs !== name && makesDevices({ spec: their }) && ownResource(theirs) === ownResource(name),
  );
  if (!other) return [];
  const resource = deviceResource(name, spec.plugin) ?? '';
  const detail = `is absent, so the functions made for the network are ${resource}, as those of network ${other.name} are: pods get either; name the network otherwise`;
  return [warning('MNN_PLUGIN_INVALID', 'spec.plugin.args.resourceName', detail)];
}
