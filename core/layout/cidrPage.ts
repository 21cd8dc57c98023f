import { apiVersion, label } from '../api/names.ts';
import { ownedBy } from '../api/owner.ts';
import type { Cidr, MultiNicNetwork } from '../api/types.ts';
import { pageName } from './hostIndex.ts';

/** The CIDR object of one page of the network's host indexes, to be created. */
export function newPage(network: MultiNicNetwork, spec: Cidr['spec']): Cidr {
  return {
    apiVersion,
    kind: 'CIDR',
    metadata: {
      name: pageName(spec.network, spec.page),
      labels: { [label.network]: spec.network },
      ownerReferences: [ownedBy(network.metadata)],
    },
    spec,
  };
}
