import { readResult } from '../../core/cni/readResult.ts';
import type { CniResult } from '../../core/cni/result.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';

/** One element of k8s.v1.cni.cncf.io/network-status (multi-net-spec v1.3 §5.3), as Multus writes it. */
export interface NetworkStatus {
  name: string;
  interface?: string;
  ips?: string[];
  mac?: string;
  mtu?: number;
  default?: boolean;
  'default-route'?: string[];
  dns: Readonly<Record<string, unknown>>;
  'device-info'?: DeviceInfo;
}

/** Device Information Specification 1.1.0, section 3, of a PCI device. */
interface DeviceInfo {
  type: 'pci';
  version: '1.1.0';
  pci: { 'pci-address': string };
}

/**
 * The primary network's element, from the result of the plugins before. Calico tells only the host's end of what it makes, and of the addresses not whose
 * they are: those that name no interface are the pod's, and all where no interface in the pod is told.
 */
export function primaryStatus(
  name: string,
  ifname: string,
  prevResult: Readonly<Record<string, unknown>>,
): NetworkStatus {
  const { interfaces, ips } = readResult(prevResult);
  const inPod = interfaces.filter(({ sandbox }) => sandbox !== undefined);
  const own = inPod.find(item => item.name === ifname) ?? inPod[0];
  const addresses = ips.filter(({ interface: at }) => !own || at === undefined || interfaces[at] === own);
  return {
    name,
    interface: own?.name ?? ifname,
    ...(addresses.length > 0 && { ips: addresses.map(({ address }) => withoutPrefix(address)) }),
    ...(own && own.mac !== '' ? { mac: own.mac } : {}),
    default: true,
    dns: {},
  };
}

/** The elements of one attachment: one per interface in the pod. */
export function attachmentStatus(
  namespace: string,
  { network, defaultRoute }: { readonly network: string; readonly defaultRoute: readonly string[] },
  result: CniResult,
): NetworkStatus[] {
  return result.interfaces.flatMap((item, index) => {
    if (item.sandbox === undefined) return [];
    const ips = result.ips.filter(ip => ip.interface === index).map(ip => withoutPrefix(ip.address));
    const { name, mac, mtu, pciID } = item;
    return [
      {
        name: `${namespace}/${network}`,
        interface: name,
        ips,
        mac,
        ...(mtu !== undefined && { mtu }),
        ...(index === 0 && defaultRoute.length > 0 && { 'default-route': [...defaultRoute] }),
        dns: result.dns,
        ...(pciID !== undefined && { 'device-info': deviceInfo(pciID) }),
      },
    ];
  });
}

function deviceInfo(pciID: string): DeviceInfo {
  return { type: 'pci', version: '1.1.0', pci: { 'pci-address': pciID } };
}

/** The annotation's text, laid out as Multus does. */
export function formatNetworkStatus(status: readonly NetworkStatus[]): string {
  return `[${status.map(item => JSON.stringify(item, null, 4)).join(',')}]`;
}
