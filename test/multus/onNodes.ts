import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster, ClusterNode } from '../cluster/index.ts';

/** Multus' own account: it reads pods and definitions, writes pods' network-status, and events. */
const account = { namespace: 'kube-system', name: 'multus' };

const objects = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: multus}
rules:
  - {apiGroups: [k8s.cni.cncf.io], resources: [network-attachment-definitions], verbs: [get, list, watch]}
  - {apiGroups: [''], resources: [pods, pods/status], verbs: [get, list, watch, update]}
  - {apiGroups: ['', events.k8s.io], resources: [events], verbs: [create, patch, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: multus}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: multus}
subjects: [{kind: ServiceAccount, namespace: ${account.namespace}, name: ${account.name}}]
`;

/** What the cluster must have before the system is installed beside Multus: definitions as a resource, and Multus' role. */
export async function prepareMultus(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', '-f', join(import.meta.dirname, '../system/netAttachDefCrd.yaml')]);
  await cluster.kubectl(['apply', '-f', '-'], { input: objects });
}

/**
 * Makes Multus (its thin form, one program) the node's first CNI plugin, with the primary network as the first that it delegates to.
 * @param program the executable `multus`, on this machine
 */
export async function putMultusFirst(cluster: Cluster, node: ClusterNode, program: string): Promise<void> {
  await node.exec(['ln', '-sfn', program, '/opt/cni/bin/multus']);
  const user = `system:serviceaccount:${account.namespace}:${account.name}`;
  const kubeconfig = await cluster.kubeconfigFor(user, ['system:serviceaccounts']);
  writeFileSync(node.path(multusConfigFile), `${JSON.stringify(multusConfig(node, kubeconfig), null, 2)}\n`);
}

/** Comes before the primary network's file in the order of names, which is what the runtime goes by. */
const multusConfigFile = '/etc/cni/net.d/00-multus.conf';

/** As Multus' installer generates it. */
function multusConfig(node: ClusterNode, kubeconfig: string): object {
  const primary = JSON.parse(readFileSync(node.path('/etc/cni/net.d/10-primary.conflist'), 'utf8')) as object;
  return {
    cniVersion: '0.3.1',
    name: 'multus-cni-network',
    type: 'multus',
    logLevel: 'verbose',
    logFile: '/var/log/multus.log',
    logToStderr: false,
    kubeconfig,
    delegates: [primary],
  };
}
