import type { PluginSpec } from '../api/types.ts';
import { nicUse } from './nicUse.ts';

/** Resource prefix of the SR-IOV network operator, under which the predecessor's policies put their devices. */
const sriovPrefix = 'openshift.io/';

/**
 * Networks whose NICs a device plugin hands out: which ones a pod gets is known only once the kubelet has assigned them, so NICs and addresses
 * are chosen on the node. Beside those whose type says so it is those of any plugin that name a resource, but for links that are made on a NIC
 * which the host keeps.
 */
export function usesDevicePlugin(plugin: Pick<PluginSpec, 'type' | 'args'>): boolean {
  const { type } = plugin;
  if (type === 'sriov' || type === 'mellanox') return true;
  const isOnNic = type === 'ptp' || nicUse(plugin, '') !== undefined;
  return !isOnNic && existingResource(plugin) !== undefined;
}

/**
 * The extended resource that a network's devices are requested as: `resourceName` with its prefix or without, else, for SR-IOV, one named as
 * the network, in the letters that such names may have. Undefined where the network does not name its resources.
 */
export function deviceResource(network: string, plugin: PluginSpec): string | undefined {
  if (!usesDevicePlugin(plugin) || plugin.type === 'mellanox') return undefined;
  const name = existingResource(plugin) ?? ownResource(network);
  return name.includes('/') ? name : sriovPrefix + name;
}

/**
 * The resources of a network's devices; none where they are not known, or no device plugin hands out its NICs.
 * @param listed what the network's status lists
 */
export function deviceResources(
  network: string,
  plugin: PluginSpec,
  listed: readonly string[] = [],
): readonly string[] {
  if (!usesDevicePlugin(plugin)) return [];
  const own = deviceResource(network, plugin);
  return own === undefined ? listed : [own];
}

/**
 * How many devices of each of the network's resources one attachment takes: as many as the pod asks for NICs, else one of each resource. More
 * of the former ones where they cannot be as many of each.
 */
export function devicesWanted(resources: readonly string[], nics: number | undefined): Map<string, number> {
  const count = nics ?? resources.length;
  const shares = resources.map((resource, i): [string, number] => [
    resource,
    Math.ceil((count - i) / resources.length),
  ]);
  return new Map(shares.filter(([, share]) => share > 0));
}

/** The resource that, according to the user, exists already (args.resourceName); an empty one does not count. */
export function existingResource({ args = {} }: Pick<PluginSpec, 'args'>): string | undefined {
  return args.resourceName === '' ? undefined : args.resourceName;
}

/** The resource made for a network, without prefix: its name in the letters that the device plugin takes, [a-zA-Z0-9_]. */
export function ownResource(network: string): string {
  return network.replaceAll(/[.-]/g, '');
}
