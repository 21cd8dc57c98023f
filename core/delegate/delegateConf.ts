import type { PluginSpec } from '../api/types.ts';
import { foldedKey } from '../json.ts';
import { withoutPrefix } from '../net/interfaceAddress.ts';
import { usesDevicePlugin } from '../network/deviceResource.ts';
import type { NicIpam } from './nicIpam.ts';
import { pluginArgs } from './pluginArgs.ts';

/** A network configuration for another plugin (CNI 1.1, section 4 "Plugin Delegation"). */
export interface PluginConf extends Record<string, unknown> {
  readonly cniVersion: string;
  /** The network's name, the same for all NICs: what IPAM plugins keep their state by. */
  readonly name: string;
  readonly type: string;
  /** Absent from that of a plugin that gives no addresses. */
  readonly ipam?: Readonly<Record<string, unknown>>;
}

/** One for a plugin that makes an interface, or gives its addresses. */
export interface DelegateConf extends PluginConf {
  readonly ipam: Readonly<Record<string, unknown>>;
}

/** One NIC that another plugin attaches. */
export interface DelegateNic {
  /** The host's NIC; for a virtual function its physical one. */
  readonly master: string;
  /** PCI address that the device plugin gave the pod. */
  readonly deviceID?: string;
  readonly ipam: NicIpam;
  /** The host's first IPv4 address on the NIC. */
  readonly hostIP?: string;
  readonly mac?: string;
  /** Addresses that the pod asked for on this NIC. */
  readonly wanted: readonly string[];
}

/** What the runtime handed over for the plugins of the network. */
export interface Handed {
  /** `runtimeConfig`: what the pod asked for, by capability. */
  readonly runtimeConfig: Readonly<Record<string, unknown>>;
  /** `args.cni`. */
  readonly cniArgs: Readonly<Record<string, unknown>>;
}

/** The plugin that makes the interfaces of a type. */
export function delegateType(type: string): string {
  return type === 'mellanox' ? 'host-device' : type;
}

/**
 * The configuration that the plugin is called with for one NIC: its arguments, the NIC in the keys that the type knows it by, its
 * addresses, and the capabilities that the network declares.
 */
export function delegateConf(network: string, plugin: PluginSpec, nic: DelegateNic, handed: Handed): DelegateConf {
  const type = delegateType(plugin.type);
  return {
    ...pluginArgs(plugin.type, plugin.args),
    cniVersion: plugin.cniVersion,
    name: network,
    type,
    ...nicKeys({ ...plugin, type }, nic),
    ipam: ipamSection(nic.ipam),
    ...(plugin.dns && { dns: plugin.dns }),
    ...runtimePart(plugin, nic, handed),
  };
}

/**
 * The configuration that an IPAM plugin is called with where the agent makes the interface itself: what the reference plugin of the type
 * would hand on.
 */
export function ipamConf(
  network: string,
  plugin: PluginSpec,
  nic: DelegateNic & { readonly ipam: NicIpam & { kind: 'plugin' } },
  handed: Handed,
): DelegateConf {
  return {
    cniVersion: plugin.cniVersion,
    name: network,
    type: plugin.type,
    master: nic.master,
    ipam: nic.ipam.section,
    ...runtimePart(plugin, nic, handed),
  };
}

function nicKeys(plugin: PluginSpec, { master, deviceID, ipam, hostIP, mac }: DelegateNic): Record<string, unknown> {
  const own = mac === undefined ? {} : { mac };
  if (plugin.type === 'host-device' && deviceID === undefined) return { device: master };
  if (deviceID !== undefined || usesDevicePlugin(plugin)) return { deviceID, ...own };
  if (plugin.type !== 'aws-ipvlan') return { master, ...own };
  const podIP = ipam.kind === 'given' ? withoutPrefix(ipam.addresses[0] ?? '') : '';
  return { master, primaryIP: hostIP ?? '', podIP };
}

function ipamSection(ipam: NicIpam): Record<string, unknown> {
  if (ipam.kind === 'plugin') return ipam.section;
  return ipam.addresses.length === 0 ? {} : { type: 'static', addresses: ipam.addresses.map(address => ({ address })) };
}

/**
 * Only what the network declares, as a runtime would; addresses and device always, as they are for this NIC alone: `runtimeConfig` has those for all of
 * the pod's. What the pod's author wrote of either in cni-args goes no further: the plugin `static` would take `ips` instead of what was granted, or of
 * what was checked (`ptp`), and `host-device` any device.
 */
function runtimePart(
  { type, capabilities = {} }: PluginSpec,
  nic: DelegateNic,
  handed: Handed,
): Record<string, unknown> {
  const isDecided = nic.ipam.kind === 'given' || type === 'ptp';
  const declared = Object.entries(handed.runtimeConfig).filter(([name]) => capabilities[name] === true);
  const runtimeConfig = {
    ...without(Object.fromEntries(declared), ofNic),
    ...(nic.wanted.length > 0 && nic.ipam.kind === 'plugin' && { ips: nic.wanted }),
    ...(nic.mac !== undefined && { mac: nic.mac }),
    ...(nic.deviceID !== undefined && { deviceID: nic.deviceID }),
  };
  const cni = without(handed.cniArgs, isDecided ? ofNic : ['deviceid']);
  return {
    ...(Object.keys(runtimeConfig).length > 0 && { runtimeConfig }),
    ...(Object.keys(cni).length > 0 && { args: { cni } }),
  };
}

/** Keys of what each NIC has for itself. */
const ofNic = ['deviceid', 'ips'];

function without(given: Handed['cniArgs'], keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([key]) => !keys.includes(foldedKey(key))));
}
