import type { PluginSpec } from '../api/types.ts';

/** Resource prefix of the SR-IOV network operator, where the predecessor's policies put their devices. */
const sriovPrefix = 'openshift.io/';

/**
 * Types whose devices a device plugin hands out: which NICs a pod gets is known only once the kubelet has assigned them, so NICs and addresses
 * are chosen on the node.
 */
export function usesDevicePlugin(type: string): boolean {
  return type === 'sriov' || type === 'mellanox';
}

/**
 * The extended resource that a network's SR-IOV devices are requested as: `resourceName` with its prefix or without, else one named as the
 * network, in the letters that such names may have. Undefined for types whose resources the network does not name.
 */
export function deviceResource(network: string, plugin: PluginSpec): string | undefined {
  if (plugin.type !== 'sriov') return undefined;
  const name = existingResource(plugin) ?? ownResource(network);
  return name.includes('/') ? name : sriovPrefix + name;
}

/** The resource that the user says exists already (args.resourceName); an empty one says nothing. */
export function existingResource({ args = {} }: PluginSpec): string | undefined {
  return args.resourceName === '' ? undefined : args.resourceName;
}

/** The resource made for a network, without prefix: its name in the letters that the device plugin takes, [a-zA-Z0-9_]. */
export function ownResource(network: string): string {
  return network.replaceAll(/[.-]/g, '');
}
