import { once } from 'node:events';
import { GrpcConnection } from '../../agent/devices/grpc.ts';
import { bytesField, bytesOf, int64Field, textsOf } from '../../agent/devices/protobuf.ts';
import type { ClusterNode } from '../cluster/index.ts';
import { GrpcServer } from './grpcServer.ts';

/** A device that a plugin has. */
export interface Device {
  readonly id: string;
  /** Undefined: the plugin does not say. */
  readonly numaNode?: number;
}

const service = '/v1beta1.DevicePlugin';
const folder = '/var/lib/kubelet/device-plugins';

/**
 * A device plugin on a node, registered with its kubelet (k8s.io/kubelet pkg/apis/deviceplugin/v1beta1/api.proto). It hands its devices out
 * and does nothing with them, as plugins of network devices do.
 */
export class DevicePlugin implements AsyncDisposable {
  /** Ids that the kubelet asked for, call by call. */
  readonly allocated: string[][] = [];
  readonly #end = new AbortController();
  #server: GrpcServer | undefined;

  /** @param resource for example nvidia.com/gpu */
  static async start(node: ClusterNode, resource: string, devices: readonly Device[]): Promise<DevicePlugin> {
    const plugin = new DevicePlugin();
    const endpoint = `${resource.replace('/', '-')}.sock`;
    // The node's own paths are too long for the address of a socket.
    const at = `/proc/${node.pid}/root${folder}`;
    plugin.#server = await GrpcServer.listen(`${at}/${endpoint}`, {
      [`${service}/GetDevicePluginOptions`]: () => Buffer.alloc(0),
      [`${service}/ListAndWatch`]: () => plugin.#list(devices),
      [`${service}/Allocate`]: message => plugin.#allocate(message),
    });
    const signal = AbortSignal.timeout(10_000);
    using kubelet = await GrpcConnection.open(`${at}/kubelet.sock`, signal);
    const request = [bytesField(1, 'v1beta1'), bytesField(2, endpoint), bytesField(3, resource)];
    await kubelet.call('/v1beta1.Registration/Register', Buffer.concat(request), signal);
    return plugin;
  }

  async *#list(devices: readonly Device[]): AsyncGenerator<Buffer> {
    yield Buffer.concat(devices.map(device => bytesField(1, deviceMessage(device))));
    const { signal } = this.#end;
    if (!signal.aborted) await once(signal, 'abort');
  }

  #allocate(message: Buffer): Buffer {
    const containers = bytesOf(message, 1);
    for (const container of containers) this.allocated.push(textsOf(container, 1));
    return Buffer.concat(containers.map(() => bytesField(1, '')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#server?.[Symbol.asyncDispose]();
  }
}

function deviceMessage({ id, numaNode }: Device): Buffer {
  const node = numaNode === undefined || numaNode === 0 ? '' : int64Field(1, numaNode);
  const topology = numaNode === undefined ? [] : [bytesField(3, bytesField(1, node))];
  return Buffer.concat([bytesField(1, id), bytesField(2, 'Healthy'), ...topology]);
}
