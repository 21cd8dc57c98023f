import type { MultiNicNetwork } from '../../core/api/types.ts';
import { network as validNetwork, type Overrides } from './networkRules.ts';

/** What a test's network has of its own. */
export interface Shape extends Pick<Overrides, 'subnet' | 'masterNets' | 'namespaces' | 'plugin'> {
  ipam?: object;
  strategy?: 'devClass';
}

/** A network of addresses of ours, on all NICs. */
export function network(name: string, { strategy, ...shape }: Shape = {}): MultiNicNetwork {
  const plugin = { cniVersion: '1.0.0', type: 'ipvlan' };
  return validNetwork({ name, masterNets: [], plugin, ...shape, ...(strategy && { attachPolicy: { strategy } }) });
}
