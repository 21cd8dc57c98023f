import { tryParseAddress } from '../../core/net/address.ts';
import type { UsedAddress } from '../../core/validation/validateUsedAddresses.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import type { CallBudget } from '../review/call.ts';

/** Pods of a cluster have their addresses out of one network, or a few: some of them show which. */
const podsRead = 500;

/** Addresses that the cluster uses: of the API server as pods reach it, of nodes and, on the primary network, of pods. */
export async function usedAddresses(client: KubeClient, budget: CallBudget): Promise<UsedAddress[]> {
  const found = await client.listSome(pods, podsRead, { timeoutMs: budget.remainingMs() });
  const apiServer = new URL(client.connection.server).hostname.replace(/^\[|\]$/g, '');
  const byAddress = new Map([[apiServer, 'the API server'], ...found.flatMap(addressesOf)]);
  return [...byAddress].flatMap(([text, whose]) => {
    const address = tryParseAddress(text);
    return address ? [{ address, whose }] : [];
  });
}

function addressesOf({ metadata, spec, status }: Pod): [address: string, whose: string][] {
  const hosts = [status?.hostIP, ...(status?.hostIPs ?? []).map(({ ip }) => ip)];
  // On the host's network, or ended, a pod has none of its own.
  const hasOwn = !spec?.hostNetwork && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
  const own = hasOwn ? [status?.podIP, ...(status?.podIPs ?? []).map(({ ip }) => ip)] : [];
  const pod = `pod ${metadata.namespace}/${metadata.name}`;
  return [
    ...hosts.flatMap(ip => (ip ? [[ip, `node ${spec?.nodeName}`] satisfies [string, string]] : [])),
    ...own.flatMap(ip => (ip ? [[ip, pod] satisfies [string, string]] : [])),
  ];
}
