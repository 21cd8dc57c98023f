import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '../../core/json.ts';
import { orUndefined } from '../base/systemErrors.ts';
import { type AssignedDevice, inOrder } from './assignedDevice.ts';

/**
 * What the device manager of the kubelet has assigned to a pod, from the checkpoint that it writes before it has a sandbox made
 * (pkg/kubelet/cm/devicemanager/checkpoint). Nothing if there is no such file: then no device plugin has registered.
 * @param kubeletDir for example /var/lib/kubelet
 * @throws Error where the file is there and cannot be read
 */
export async function readCheckpoint(kubeletDir: string, podUid: string): Promise<AssignedDevice[]> {
  const path = join(kubeletDir, 'device-plugins', 'kubelet_internal_checkpoint');
  const text = await orUndefined(readFile(path, 'utf8'));
  return text === undefined ? [] : assignedTo(JSON.parse(text), podUid);
}

function assignedTo(checkpoint: unknown, podUid: string): AssignedDevice[] {
  const data = isRecord(checkpoint) && isRecord(checkpoint.Data) ? checkpoint.Data : {};
  const entries = Array.isArray(data.PodDeviceEntries) ? data.PodDeviceEntries.filter(isRecord) : [];
  const devices = entries.flatMap(({ PodUID, ResourceName, DeviceIDs }) =>
    PodUID === podUid && typeof ResourceName === 'string' ? devicesOf(ResourceName, DeviceIDs) : [],
  );
  return inOrder(devices);
}

/** By NUMA node since Kubernetes 1.20 (-1: not known), a plain list before. A device on two nodes is listed twice. */
function devicesOf(resource: string, value: unknown): AssignedDevice[] {
  const lists: [string, unknown][] = Array.isArray(value)
    ? [['-1', value]]
    : isRecord(value)
      ? Object.entries(value)
      : [];
  const nodes = new Map<string, number[]>();
  for (const [node, ids] of lists) {
    for (const id of Array.isArray(ids) ? ids.filter(id => typeof id === 'string') : []) {
      nodes.set(id, [...(nodes.get(id) ?? []), ...(Number(node) >= 0 ? [Number(node)] : [])]);
    }
  }
  return [...nodes].map(([id, numaNodes]) => ({ resource, id, numaNodes }));
}
