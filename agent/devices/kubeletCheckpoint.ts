import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '../../core/json.ts';

/** Devices of one resource that the kubelet has assigned to a pod, in its order. */
export interface AssignedDevices {
  readonly resource: string;
  readonly ids: readonly string[];
}

/**
 * What the device manager of the kubelet has assigned to a pod, from the checkpoint that it writes before it has a sandbox made
 * (pkg/kubelet/cm/devicemanager/checkpoint). Nothing where there is no such file: no device plugin has registered.
 * @param kubeletDir for example /var/lib/kubelet
 * @throws Error where the file is there and cannot be read
 */
export async function readAssignedDevices(kubeletDir: string, podUid: string): Promise<AssignedDevices[]> {
  const path = join(kubeletDir, 'device-plugins', 'kubelet_internal_checkpoint');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return assignedTo(JSON.parse(text), podUid);
}

/** The entries of one pod; containers of the same resource are joined in their order. */
export function assignedTo(checkpoint: unknown, podUid: string): AssignedDevices[] {
  const data = isRecord(checkpoint) && isRecord(checkpoint.Data) ? checkpoint.Data : {};
  const entries = Array.isArray(data.PodDeviceEntries) ? data.PodDeviceEntries.filter(isRecord) : [];
  const byResource = new Map<string, string[]>();
  for (const { PodUID, ResourceName, DeviceIDs } of entries) {
    if (PodUID !== podUid || typeof ResourceName !== 'string') continue;
    const ids = byResource.get(ResourceName) ?? [];
    ids.push(...deviceIds(DeviceIDs));
    byResource.set(ResourceName, ids);
  }
  return [...byResource].map(([resource, ids]) => ({ resource, ids }));
}

/** By NUMA node since Kubernetes 1.20, a plain list before. */
function deviceIds(value: unknown): string[] {
  const lists = Array.isArray(value) ? [value] : isRecord(value) ? Object.values(value) : [];
  return lists.flatMap(list => (Array.isArray(list) ? list.filter(id => typeof id === 'string') : []));
}
