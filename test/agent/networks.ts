import type { MultiNicNetworkSpec } from '../../core/api/types.ts';

/** A kind of network that the data-plane tests run with. */
export interface NetworkCase {
  readonly type: 'ptp' | 'macvlan' | 'ipvlan';
  readonly mode?: string;
  readonly vlanMode: 'l2' | 'l3' | 'l3s';
}

export const networkCases: readonly NetworkCase[] = [
  { type: 'ptp', vlanMode: 'l3' },
  { type: 'macvlan', mode: 'bridge', vlanMode: 'l2' },
  { type: 'ipvlan', mode: 'l2', vlanMode: 'l2' },
  { type: 'ipvlan', mode: 'l3', vlanMode: 'l3' },
  { type: 'ipvlan', mode: 'l3s', vlanMode: 'l3s' },
];

/** Name of the case's network, for example ipvlan-l2. */
export function nameOf({ type, mode }: NetworkCase): string {
  return mode === undefined ? type : `${type}-${mode}`;
}

/** The kind of links that the kernel must have for it. */
export function kernelKindOf({ type }: NetworkCase): string {
  return type === 'ptp' ? 'veth' : type;
}

/** @param octet second byte of the network's subnet, so that networks do not overlap */
export function networkSpec({ type, mode, vlanMode }: NetworkCase, octet: number): MultiNicNetworkSpec {
  return {
    subnet: `10.${octet}.0.0/16`,
    ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3, vlanMode }),
    multiNICIPAM: true,
    plugin: { cniVersion: '0.3.1', type, ...(mode !== undefined && { args: { mode } }) },
  };
}
