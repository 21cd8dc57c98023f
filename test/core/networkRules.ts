/** What the tests of the specification's rules share. */
import type { MultiNicNetwork, MultiNicNetworkSpec } from '../../core/api/types.ts';
import type { Finding } from '../../core/network/finding.ts';
import { validateSpecification } from '../../core/validation/validate.ts';

export type Overrides = Partial<Omit<MultiNicNetworkSpec, 'ipam'>> & { name?: string; ipam?: object | string };

/** A network that is all right, with changes. */
export function network({ name = 'train', ipam = {}, ...spec }: Overrides = {}): MultiNicNetwork {
  const layout = { type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3, vlanMode: 'l3' };
  return {
    apiVersion: 'multinic.fms.io/v1',
    kind: 'MultiNicNetwork',
    metadata: { name },
    spec: {
      subnet: '10.200.0.0/16',
      masterNets: ['172.20.1.0/24', '172.20.2.0/24'],
      multiNICIPAM: true,
      plugin: { cniVersion: '1.0.0', type: 'ipvlan', args: { mode: 'l3' } },
      ...spec,
      ipam: typeof ipam === 'string' ? ipam : JSON.stringify({ ...layout, ...ipam }),
    },
  };
}

export function plugin(
  type: string,
  args: Record<string, string> = {},
  cniVersion = '1.0.0',
): MultiNicNetworkSpec['plugin'] {
  return { type, args, cniVersion };
}

export const l2 = { vlanMode: 'l2' };
export const lines = (findings: readonly Finding[]): string[] =>
  findings.map(f => `${f.severity} ${f.code} ${f.path}: ${f.detail}`);
export const check = (overrides: Overrides): string[] => lines(validateSpecification(network(overrides)));
