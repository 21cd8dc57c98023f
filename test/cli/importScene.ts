import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { annotation } from '../../core/api/names.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { pods } from '../../kube/api/resources.ts';
import type { Cluster } from '../cluster/index.ts';
import {
  createPod,
  leaveBehind,
  oldAddress,
  oldHost,
  type OldNetwork,
  oldObjects,
  oldOutsideNetwork,
  runningPod,
} from './predecessor.ts';

/** What there is to keep: both hosts have the same index on both of their NICs. */
const train: OldNetwork = {
  name: 'train',
  octet: 200,
  indexes: { 'n-0': [4, 4], 'n-1': [1, 1] },
  records: [
    { pod: 'both', host: 'n-0', nic: 0, offset: 1 },
    { pod: 'both', host: 'n-0', nic: 1, offset: 3 },
    { pod: 'starting', host: 'n-0', nic: 1, offset: 2 },
    { pod: 'one', host: 'n-1', nic: 0, offset: 1 },
    { pod: 'gone', host: 'n-1', nic: 0, offset: 2 },
    // An earlier pod of the same name was there.
    { pod: 'one', host: 'n-0', nic: 0, offset: 9 },
  ],
};

/** Hosts whose indexes differ, one pod where the host's block will not be, and two pods on one address. */
export const mixed: OldNetwork = {
  name: 'mixed',
  octet: 201,
  indexes: { 'n-0': [0, 1], 'n-1': [1, 0] },
  records: [
    { pod: 'first', host: 'n-0', nic: 0, offset: 1 },
    { pod: 'second', host: 'n-0', nic: 0, offset: 2 },
    { pod: 'stray', host: 'n-0', nic: 1, offset: 1 },
    { pod: 'twin', host: 'n-0', nic: 0, offset: 2 },
  ],
};

/** What Multus writes of a pod. */
function statusOf(podIP: string, address: string): Record<string, string> {
  const status = [
    { name: 'cluster-network', default: true, ips: [podIP], dns: {} },
    { name: 'default/train', interface: 'net1', ips: [address], dns: {} },
  ];
  return { [annotation.networkStatus]: JSON.stringify(status) };
}

/**
 * Makes the cluster look as the predecessor leaves it, with pods that run, start, or were copied.
 * @returns the path of the predecessor's objects, saved as its user saves them
 */
export async function setScene(cluster: Cluster, client: KubeClient): Promise<string> {
  const others = [oldOutsideNetwork('outside'), oldOutsideNetwork('best', 'perf')];
  const networks = [...oldObjects(train), ...oldObjects(mixed), ...others];
  await leaveBehind(cluster, [oldHost('n-0', 1), oldHost('n-1', 2), ...networks]);
  const saved = join(cluster.runFolder, 'predecessor.yaml');
  const { stdout } = await cluster.kubectl(['get', 'cidrs,ippools,hostinterfaces', '-o', 'yaml']);
  await writeFile(saved, stdout);
  await runningPod(client, train, {
    ...{ name: 'both', host: 'n-0' },
    at: [
      [0, 1],
      [1, 3],
    ],
  });
  await runningPod(client, train, { name: 'one', host: 'n-1', at: [[0, 1]] });
  // Its record was lost, as the operator's controller lost them.
  await runningPod(client, train, { name: 'unrecorded', host: 'n-1', at: [[1, 7]] });
  await createPod(client, train, 'starting', 'n-0');
  // Its init containers run, and its record was lost, too.
  const address = oldAddress(train, { host: 'n-1', nic: 0, offset: 8 });
  const initializing = await createPod(client, train, 'initializing', 'n-1', statusOf('10.244.1.7', address));
  const own = { podIP: '10.244.1.7', podIPs: [{ ip: '10.244.1.7' }] };
  await client.patch(pods, initializing.metadata, 'merge', { status: own }, { subresource: 'status' });
  // Made of the manifest of one that ran, and not started.
  await createPod(client, train, 'copied', 'n-1', statusOf('10.244.1.8', address));
  return saved;
}
