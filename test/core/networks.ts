import type { MultiNicNetwork, PluginSpec } from '../../core/api/types.ts';

/** What a test's network has of its own. */
export interface Shape {
  subnet?: string;
  ipam?: object;
  masterNets?: string[];
  namespaces?: string[];
  strategy?: 'devClass';
  plugin?: PluginSpec;
}

/** A network of addresses of ours, on all NICs. */
export function network(
  name: string,
  { subnet = '10.200.0.0/16', ipam, strategy, ...spec }: Shape = {},
): MultiNicNetwork {
  const layout = { type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3, vlanMode: 'l3', ...ipam };
  return {
    apiVersion: 'multinic.fms.io/v1',
    kind: 'MultiNicNetwork',
    metadata: { name },
    spec: {
      subnet,
      ipam: JSON.stringify(layout),
      multiNICIPAM: true,
      plugin: { cniVersion: '1.0.0', type: 'ipvlan' },
      ...spec,
      ...(strategy && { attachPolicy: { strategy } }),
    },
  };
}
