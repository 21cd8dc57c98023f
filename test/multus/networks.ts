import type { MultiNicNetworkSpec } from '../../core/api/types.ts';

/** The networks of the recordings: every CNI version, both link types that any kernel has. */
export const networks: Readonly<Record<string, MultiNicNetworkSpec>> = {
  train: spec(222, '0.3.1', 'ptp'),
  store: spec(223, '0.4.0', 'macvlan'),
  fast: spec(224, '1.0.0', 'ptp'),
  next: spec(225, '1.1.0', 'macvlan'),
};

function spec(octet: number, cniVersion: string, type: 'ptp' | 'macvlan'): MultiNicNetworkSpec {
  const vlanMode = type === 'ptp' ? { vlanMode: 'l3' } : {};
  return {
    subnet: `10.${octet}.0.0/16`,
    ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 6, interfaceBlock: 2, ...vlanMode }),
    multiNICIPAM: true,
    plugin: { cniVersion, type, ...(type === 'macvlan' && { args: { mode: 'bridge' } }) },
  };
}
