import { extendedResourceName, label } from '../../core/api/names.ts';
import type { MultiNicNetwork } from '../../core/api/types.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import * as resources from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { nodeNames, startedWebhook } from './support.ts';

interface NetworkShape {
  subnet: string;
  hostBlock?: number;
  interfaceBlock?: number;
  vlanMode?: string;
  namespaces?: string[];
}

/** Creates the network through the webhook, and what the controller makes of it. */
export async function createNetwork(client: KubeClient, name: string, spec: NetworkShape): Promise<MultiNicNetwork> {
  const network = await applyNetwork(client, name, spec);
  await serveNetwork(client, name);
  return network;
}

/** Creates the network through the webhook; nobody has looked at it yet. */
export function applyNetwork(client: KubeClient, name: string, spec: NetworkShape): Promise<MultiNicNetwork> {
  const { hostBlock = 6, interfaceBlock = 2, vlanMode = 'l3', subnet, namespaces } = spec;
  const ipam = JSON.stringify({ type: 'multi-nic-ipam', hostBlock, interfaceBlock, vlanMode });
  return client.create(resources.multiNicNetworks, {
    apiVersion: 'multinic.fms.io/v1',
    kind: 'MultiNicNetwork',
    metadata: { name },
    spec: {
      subnet,
      ipam,
      multiNICIPAM: true,
      plugin: { cniVersion: '1.0.0', type: 'ipvlan', args: { mode: vlanMode } },
      ...(namespaces && { namespaces }),
    },
  });
}

/** What the controller makes of a network: host indexes, capacities, status. */
export async function serveNetwork(client: KubeClient, name: string): Promise<MultiNicNetwork> {
  await client.create(resources.cidrs, {
    apiVersion: 'multinic.fms.io/v1',
    kind: 'CIDR',
    metadata: { name: `${name}-0`, labels: { [label.network]: name } },
    spec: { network: name, page: 0, hosts: nodeNames.map((hostName, hostIndex) => ({ hostName, hostIndex })) },
  });
  const interfaces = [1, 2].map(n => ({ index: n - 1, netAddress: `172.20.${n}.0/24`, ordinal: 0 }));
  const resource = extendedResourceName(name);
  for (const node of nodeNames) {
    const quantities = { capacity: { [resource]: '200' }, allocatable: { [resource]: '200' } };
    await client.patch(resources.nodes, { name: node }, 'merge', { status: quantities }, { subresource: 'status' });
  }
  const served = await client.patch(
    resources.multiNicNetworks,
    { name },
    'merge',
    { status: { interfaces, lastSyncTime: new Date().toISOString() } },
    { subresource: 'status' },
  );
  // A pod that the scheduler cannot bind yet rests for a minute: the webhook has to know the network first.
  await eventually(`the webhook to know ${name}`, async () => {
    const webhook = await startedWebhook();
    return webhook?.view.network(name)?.state.interfaces.length === 2 && webhook.view.hostIndexes(name).size === 3;
  });
  return served;
}
