import { desiredRoutes } from '../../core/routes/desiredRoutes.ts';
import { formatCidr } from '../../core/net/cidr.ts';
import type { TableUser } from '../../core/routes/tables.ts';
import type { L3Route } from '../../core/routes/desiredRoutes.ts';
import type { ClusterView } from '../../kube/clusterView.ts';

/** The routes of one L3 network on this node. */
export interface NetworkRoutes extends TableUser {
  readonly routes: readonly L3Route[];
}

/** The routes of every L3 network with a subnet, from what is known of the cluster. */
export function wantedRoutes(view: ClusterView, node: string): NetworkRoutes[] {
  return view
    .networks()
    .map(({ state }) => state)
    .filter(({ network }) => network.l3 && network.subnets.length > 0)
    .map(({ network, interfaces }) => ({
      name: network.name,
      subnets: network.subnets.map(formatCidr),
      routes: desiredRoutes(
        { network, interfaces, hostIndexes: view.hostIndexes(network.name), host: name => view.host(name)?.spec },
        node,
      ),
    }));
}
