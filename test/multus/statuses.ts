import type { PrintedResult } from '../agent/sandbox.ts';

/** One element of k8s.v1.cni.cncf.io/network-status, as far as it is made of a CNI result. */
export interface AttachmentStatus {
  readonly interface: string;
  readonly ips: string[];
  readonly mac: string;
  readonly mtu?: number;
}

/**
 * What Multus writes for a CNI result: one element per interface of the pod (those with a sandbox), with the addresses that point to it
 * (network-attachment-definition-client pkg/utils, CreateNetworkStatuses).
 */
export function statusesOf({ interfaces, ips }: PrintedResult): AttachmentStatus[] {
  return interfaces.flatMap(({ name, mac, mtu, sandbox }, i) => {
    if (sandbox === undefined) return [];
    const own = ips.filter(ip => ip.interface === i).map(ip => ip.address.split('/')[0] ?? '');
    return [{ interface: name, ips: own, mac, ...(mtu !== undefined && { mtu }) }];
  });
}
