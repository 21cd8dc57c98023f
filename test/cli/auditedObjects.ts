import { withAttachments } from '../../core/annotation/attachments.ts';
import { formatNetworks } from '../../core/annotation/networks.ts';
import { annotation, label } from '../../core/api/names.ts';
import type { Allocation } from '../../core/api/types.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';

const old = '2026-01-01T00:00:00Z';

/** A pod that runs, with an address that it carries and, if told, another that it has. */
export async function runningPod(
  client: KubeClient,
  name: string,
  address: string,
  { isInjected = true, actual = '', of = 'audited', mac = '', on = 'n-0' } = {},
) {
  const nics = [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses: [address] }];
  const ips = [actual === '' ? address.split('/')[0] : actual];
  const status = [{ name: `default/${of}`, interface: 'net1-0', ips, dns: {} }];
  const created = await client.create(pods, {
    metadata: {
      name,
      namespace: 'default',
      ...(isInjected && { labels: { [label.injected]: 'true' } }),
      annotations: {
        ...(isInjected && { [annotation.networks]: formatNetworks([withAttachments({ name: of, mac }, nics)]) }),
        [annotation.networkStatus]: JSON.stringify(status),
      },
    },
    spec: {
      containers: [{ name: 'main', image: 'none' }],
      automountServiceAccountToken: false,
      nodeName: on,
    },
  } satisfies Pod);
  const running = { status: { phase: 'Running' } };
  await client.patch(pods, created.metadata, 'merge', running, { subresource: 'status' });
  return { name, uid: created.metadata.uid ?? '' };
}

/** The record of a pod that holds an address. */
export function recordOf({ name, uid }: { name: string; uid: string }, address: string): Allocation {
  const nics = [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses: [address] }];
  return { podUID: uid, namespace: 'default', name, interface: 'net1', nics, state: 'Allocated', since: old };
}
