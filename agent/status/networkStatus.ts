import { interfacesOf } from '../../core/cni/readResult.ts';
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

/** The primary network's element, from the result of the plugins before. */
export function primaryStatus(
  name: string,
  ifname: string,
  prevResult: Readonly<Record<string, unknown>>,
): NetworkStatus {
  const interfaces = interfacesOf(prevResult);
  const own =
    interfaces.find(item => item.name === ifname && item.sandbox !== '') ?? interfaces.find(i => i.sandbox !== '');
  return {
    name,
    interface: own?.name ?? ifname,
    ...(own && own.ips.length > 0 ? { ips: own.ips.map(withoutPrefix) } : {}),
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
