import { join } from 'node:path';
import { ensureDebianPrograms } from '../cluster/debianPrograms.ts';
import { boxImage, type ClusterNode } from '../cluster/index.ts';

/** A DHCP server on one node, for the subnets of its NICs. Both end with the cluster. */
export async function serveDhcp(node: ClusterNode): Promise<void> {
  const busybox = join(await ensureDebianPrograms(), 'bin/busybox');
  for (const { name, subnet } of node.nics) {
    const prefix = subnet.replace(/\d+\/24$/, '');
    const lines = [
      ...[`interface ${name}`, `start ${prefix}100`, `end ${prefix}120`, 'max_leases 20', 'option lease 600'],
      ...['option subnet 255.255.255.0', `lease_file /run/leases-${name}`, `pidfile /run/udhcpd-${name}`],
    ];
    const script = `cat > /run/udhcpd-${name}.conf; touch /run/leases-${name}`;
    await node.exec(['sh', '-c', script], { input: `${lines.join('\n')}\n` });
    node.component(`udhcpd-${name}`, [busybox, 'udhcpd', '-f', '-a', '100', `/run/udhcpd-${name}.conf`]).start();
  }
}

/** The daemon of the reference plugin, as nodes have it. */
export function startDhcpDaemon(node: ClusterNode): void {
  node.component('dhcp', ['/opt/cni/bin/dhcp', 'daemon']).start();
}

/** A network whose addresses the plugin gives. */
export const leasedNetwork = JSON.stringify({
  ...{ apiVersion: 'multinic.fms.io/v1', kind: 'MultiNicNetwork', metadata: { name: 'leased' } },
  spec: { ipam: '{"type":"dhcp"}', plugin: { cniVersion: '0.4.0', type: 'macvlan', args: { mode: 'bridge' } } },
});

/** A pod in the network, on the node. */
export function leasedPod(node: ClusterNode): string {
  const metadata = { name: 'leased', labels: { app: 'leased' }, annotations: { 'multinic.fms.io/networks': 'leased' } };
  const containers = [{ name: 'box', image: boxImage, command: ['/bin/busybox', 'sleep', '1000'] }];
  const spec = { nodeName: node.name, terminationGracePeriodSeconds: 0, containers };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
}
