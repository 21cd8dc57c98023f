/** A device of a device plugin that the kubelet has assigned to a pod. */
export interface AssignedDevice {
  /** The extended resource, for example nvidia.com/gpu. */
  readonly resource: string;
  /** As its plugin calls it: a PCI address, a UUID … */
  readonly id: string;
  /** NUMA nodes that its plugin says it is on; none where it does not say. */
  readonly numaNodes: readonly number[];
}

/**
 * Devices by resource and id, which for PCI addresses is their order on the bus. The kubelet keeps them in maps and lists them in another
 * order each time, but a pod's second sandbox is to have what its first had.
 */
export function inOrder(devices: readonly AssignedDevice[]): AssignedDevice[] {
  return [...devices].sort((a, b) => compare(a.resource, b.resource) || compare(a.id, b.id));
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
