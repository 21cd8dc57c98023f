import { join } from 'node:path';
import { type AssignedDevice, inOrder } from './assignedDevice.ts';
import { GrpcConnection, GrpcError, grpcStatus } from './grpc.ts';
import { bytesField, bytesOf, int64Of, textOf, textsOf } from './protobuf.ts';

/**
 * The kubelet's PodResources API (k8s.io/kubelet pkg/apis/podresources/v1/api.proto): v1 since Kubernetes 1.20; before, v1alpha1, whose messages
 * are a part of v1's. Get exists only where its feature gate is on.
 */
const methods = {
  get: '/v1.PodResourcesLister/Get',
  list: '/v1.PodResourcesLister/List',
  listAlpha: '/v1alpha1.PodResourcesLister/List',
} as const;

/** Field numbers of its messages. */
const field = {
  getRequest: { name: 1, namespace: 2 },
  /** In both responses: the pods, or the pod. */
  response: { pods: 1 },
  pod: { name: 1, namespace: 2, containers: 3 },
  container: { devices: 2 },
  devices: { resource: 1, ids: 2, topology: 3 },
  topology: { nodes: 1 },
  node: { id: 1 },
} as const;

/** Which pod. The API knows no UIDs; a kubelet has one pod of a name at a time. */
export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/**
 * The devices that the kubelet has assigned to a pod, as it says itself. They are assigned before it has the pod's sandbox made.
 * @param kubeletDir for example /var/lib/kubelet
 * @returns undefined where the kubelet does not know the pod
 * @throws Error with ENOENT or ECONNREFUSED where nobody serves the socket, GrpcError, MultiNicError MNN_KUBELET_DEVICES, or the signal's reason
 */
export async function podResources(
  kubeletDir: string,
  pod: PodName,
  signal: AbortSignal,
): Promise<AssignedDevice[] | undefined> {
  using connection = await GrpcConnection.open(join(kubeletDir, 'pod-resources', 'kubelet.sock'), signal);
  const response = await ask(connection, pod, signal);
  const found = bytesOf(response, field.response.pods).find(
    message => textOf(message, field.pod.name) === pod.name && textOf(message, field.pod.namespace) === pod.namespace,
  );
  return found && inOrder(devicesOf(found));
}

/** One pod, if the kubelet can; else all of them. */
async function ask(connection: GrpcConnection, { name, namespace }: PodName, signal: AbortSignal): Promise<Buffer> {
  const { getRequest } = field;
  const one = Buffer.concat([bytesField(getRequest.name, name), bytesField(getRequest.namespace, namespace)]);
  const all = Buffer.alloc(0);
  try {
    return await connection.call(methods.get, one, signal);
  } catch (error) {
    // A kubelet without the gate says so with a status of its own, as it does where it does not know the pod.
    if (!(error instanceof GrpcError)) throw error;
  }
  try {
    return await connection.call(methods.list, all, signal);
  } catch (error) {
    if (!(error instanceof GrpcError) || error.status !== grpcStatus.unimplemented) throw error;
    return connection.call(methods.listAlpha, all, signal);
  }
}

function devicesOf(pod: Uint8Array): AssignedDevice[] {
  return bytesOf(pod, field.pod.containers)
    .flatMap(container => bytesOf(container, field.container.devices))
    .flatMap(devices => {
      const resource = textOf(devices, field.devices.resource);
      const nodes = bytesOf(devices, field.devices.topology).flatMap(told => bytesOf(told, field.topology.nodes));
      const numaNodes = nodes.map(node => int64Of(node, field.node.id)).filter(node => node >= 0);
      return textsOf(devices, field.devices.ids).map(id => ({ resource, id, numaNodes }));
    });
}
