import type { MultiNicNetworkSpec } from '../../core/api/types.ts';

/** A kind of network that the data-plane tests run with; kernels that have ipvlan add theirs to the list. */
export interface NetworkCase {
  readonly type: 'ptp' | 'macvlan' | 'ipvlan';
  readonly mode?: string;
  readonly vlanMode: 'l2' | 'l3' | 'l3s';
}

export const everywhere: readonly NetworkCase[] = [
  { type: 'ptp', vlanMode: 'l3' },
  { type: 'macvlan', mode: 'bridge', vlanMode: 'l2' },
];

/** @param octet second byte of the network's subnet, so that networks do not overlap */
export function networkSpec({ type, mode, vlanMode }: NetworkCase, octet: number): MultiNicNetworkSpec {
  return {
    subnet: `10.${octet}.0.0/16`,
    ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3, vlanMode }),
    multiNICIPAM: true,
    plugin: { cniVersion: '0.3.1', type, ...(mode !== undefined && { args: { mode } }) },
  };
}
