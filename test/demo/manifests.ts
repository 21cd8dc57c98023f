import { boxImage } from '../cluster/index.ts';

/** An L3 network over the given host subnets. */
export function demoNetwork(type: 'ipvlan' | 'ptp', masterNets: readonly string[]): string {
  return `apiVersion: multinic.fms.io/v1
kind: MultiNicNetwork
metadata: {name: train-net}
spec:
  subnet: 10.222.0.0/16
  masterNets: ${JSON.stringify(masterNets)}
  ipam: |
    {"type": "multi-nic-ipam", "hostBlock": 6, "interfaceBlock": 2, "vlanMode": "l3"}
  multiNICIPAM: true
  plugin: {cniVersion: "0.4.0", type: ${type}${type === 'ipvlan' ? ', args: {mode: l3}' : ''}}
`;
}

/** A network that cannot be: more bits than the subnet has. */
export const refusedNetwork = `apiVersion: multinic.fms.io/v1
kind: MultiNicNetwork
metadata: {name: too-small}
spec:
  subnet: 10.250.0.0/24
  ipam: |
    {"type": "multi-nic-ipam", "hostBlock": 6, "interfaceBlock": 3, "vlanMode": "l3"}
  multiNICIPAM: true
  plugin: {cniVersion: "0.4.0", type: ptp}
`;

/** Pods of one Deployment, spread over the nodes. */
export function demoDeployment(replicas: number): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: workers}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: workers}}
  template:
    metadata: {labels: {app: workers}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
        - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: workers}}}
      containers:
        - name: box
          image: ${boxImage}
          imagePullPolicy: Never
          command: [/bin/busybox, sh, -c, "trap 'exit 0' TERM; while :; do busybox sleep 1 & wait; done"]
`;
}
