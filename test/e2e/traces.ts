import { chainedFile } from '../../core/cni/chainedList.ts';
import type { Cluster, ClusterNode } from '../cluster/index.ts';

/** What is there of us on a node: files, rules, routes, and links besides those that it had before. */
export async function tracesOn(node: ClusterNode, linksBefore: readonly string[]): Promise<string[]> {
  const lines = async (...script: string[]): Promise<string[]> =>
    (await node.exec(['sh', '-c', script.join('; ')])).stdout.split('\n').filter(line => line !== '');
  const files = await lines(
    `ls -d /opt/cni/bin/multi-nic /opt/cni/bin/.multi-nic* /var/lib/cni/bin/* /etc/cni/net.d/${chainedFile} /etc/cni/net.d/.[0-9]* 2> /dev/null`,
    'find /run/multi-nic /var/lib/multi-nic -mindepth 1',
    'true',
  );
  const kernel = await lines(
    'ip -4 rule; ip -6 rule',
    'ip route show table all proto 77',
    'ip -6 route show table all proto 77',
  );
  const links = await linksOf(node);
  return [
    ...files,
    ...kernel.filter(line => !/lookup (local|main|default)\s*$/.test(line)),
    ...links.filter(link => !linksBefore.includes(link)),
  ];
}

/** Names of links; those of the primary network's pods come and go. */
export async function linksOf(node: ClusterNode): Promise<string[]> {
  const { stdout } = await node.exec(['ip', '-o', 'link']);
  const names = stdout.split('\n').map(line => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? '');
  return names.filter(name => name !== '' && !name.startsWith('veth') && name !== 'cni0');
}

/** What is there of us in the cluster: kind and name of each object. */
export async function tracesIn(cluster: Cluster): Promise<string[]> {
  const kinds = ['crd', 'namespace', 'clusterrole', 'clusterrolebinding', 'role', 'rolebinding'];
  kinds.push('mutatingwebhookconfiguration', 'validatingwebhookconfiguration', 'lease', 'networkpolicy', 'service');
  const { stdout } = await cluster.kubectl(['get', kinds.join(), '-A', '-o', 'name']);
  return stdout.split('\n').filter(name => /multi-?nic|train-net/.test(name));
}
