import type { MultiNicNetworkSpec, PluginSpec } from '../../core/api/types.ts';

/** An IPAM of our own pools. */
export const ours = JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3 });

/** A network of macvlan, or of another plugin. */
export function spec(ipam: object | string, plugin: Partial<PluginSpec>, subnet = ''): MultiNicNetworkSpec {
  return {
    ...(subnet !== '' && { subnet, multiNICIPAM: true }),
    ipam: typeof ipam === 'string' ? ipam : JSON.stringify(ipam),
    plugin: { cniVersion: '1.0.0', type: 'macvlan', ...plugin },
  };
}
