import { attachmentsKey } from '../../core/api/names.ts';
import type { AllocatedNic, HostInterfaceSpec } from '../../core/api/types.ts';
import { chainOf } from '../../core/delegate/chain.ts';
import { delegateConf, type DelegateNic, type Handed, ipamConf } from '../../core/delegate/delegateConf.ts';
import { nicIpam } from '../../core/delegate/nicIpam.ts';
import { addressesOf } from '../../core/layout/members.ts';
import { formatAddress } from '../../core/net/address.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import { linkName } from '../../core/net/interfaceName.ts';
import { hostDeviceIpam } from '../../core/network/ipam.ts';
import type { Network } from '../../core/network/network.ts';
import { wantedOfNic } from '../../core/pool/claim.ts';
import { requestKeys } from '../../core/selection/request.ts';
import type { AttachmentNic, MovedNic } from '../attach/attachment.ts';
import type { Plugin } from '../delegate/plugin.ts';
import type { PodDevice } from './podDevices.ts';

/** What a call says about the NICs of one attachment. */
export interface NicCall {
  readonly ifname: string;
  readonly ips: readonly string[];
  readonly mac: string | undefined;
  readonly runtimeConfig: Readonly<Record<string, unknown>>;
  readonly cniArgs: Readonly<Record<string, unknown>> | undefined;
}

/** What was chosen on this host. */
export interface Chosen {
  readonly nics: readonly AllocatedNic[];
  /** The host's NIC of each. */
  readonly masters: readonly string[];
  readonly devices: readonly PodDevice[];
  readonly host: HostInterfaceSpec | undefined;
}

/**
 * The NICs of an attachment, each with its addresses or with the plugin to ask for them.
 * @throws MultiNicError as nicIpam
 */
export function attachmentNics(network: Network, plugin: Plugin, call: NicCall, chosen: Chosen): AttachmentNic[] {
  const handed = handedOf(call);
  const devices = [...chosen.devices];
  return chosen.nics.map((allocated, i): AttachmentNic => {
    const master = chosen.masters[i] ?? '';
    const at = devices.findIndex(device => device.master === master);
    const [device] = at < 0 ? [] : devices.splice(at, 1);
    const wanted = wantedOfNic(call.ips, i, chosen.nics.length);
    const hostAddresses = addressesOnHost(chosen.host, master);
    const addresses = network.ipam.type === hostDeviceIpam ? hostAddresses : allocated.addresses;
    const ipam = nicIpam(network, { master, addresses, wanted });
    const nic: DelegateNic = {
      master,
      ipam,
      wanted,
      ...(device && { deviceID: device.deviceID }),
      ...optionalHostIp(hostAddresses),
      ...(call.mac !== undefined && { mac: call.mac }),
    };
    return {
      name: linkName(call.ifname, i),
      master,
      addresses: ipam.kind === 'given' ? ipam.addresses : [],
      ...(call.mac !== undefined && { mac: call.mac }),
      ...delegatePart(network, plugin, nic, handed),
      ...chainPart(network, { ...nic, ...deviceOf(plugin, master, device, chosen.host) }, handed),
      ...((device !== undefined || isHostDevice(plugin)) && movedNic(chosen.host, master, device)),
    };
  });
}

function delegatePart(
  { name, spec }: Network,
  plugin: Plugin,
  nic: DelegateNic,
  handed: Handed,
): Pick<AttachmentNic, 'delegate'> {
  if (plugin.type === 'delegate') {
    return { delegate: { role: 'plugin', conf: delegateConf(name, spec.plugin, nic, handed) } };
  }
  const { ipam } = nic;
  if (ipam.kind === 'given') return {};
  return { delegate: { role: 'ipam', conf: ipamConf(name, spec.plugin, { ...nic, ipam }, handed) } };
}

function chainPart({ name, spec }: Network, nic: DelegateNic, { runtimeConfig }: Handed): Pick<AttachmentNic, 'chain'> {
  const chain = chainOf(name, spec.plugin, nic, runtimeConfig);
  return chain.length > 0 ? { chain } : {};
}

/** The device that the pod gets: a NIC that no device plugin manages is one, too. */
function deviceOf(
  plugin: Plugin,
  master: string,
  device: PodDevice | undefined,
  host: HostInterfaceSpec | undefined,
): Pick<DelegateNic, 'deviceID'> {
  if (device || !isHostDevice(plugin)) return {};
  const pciAddress = host?.interfaces.find(({ interfaceName }) => interfaceName === master)?.pciAddress;
  return pciAddress === undefined ? {} : { deviceID: pciAddress };
}

/** Whether the plugin makes no interface but moves a NIC of the host into the pod, even one that no device plugin manages. */
function isHostDevice(plugin: Plugin): boolean {
  return plugin.type === 'delegate' && plugin.name === 'host-device';
}

/** What the pod takes from the host: the device's own netdev or, without a device, the NIC. A device with a user-space driver has no netdev. */
function movedNic(
  host: HostInterfaceSpec | undefined,
  master: string,
  device: PodDevice | undefined,
): { moves?: MovedNic } {
  const name = device ? device.netdev : master;
  if (name === undefined) return {};
  const hostAddresses = addressesOnHost(host, name);
  return { moves: { name, hostAddresses, ...(device && { device: device.deviceID }) } };
}

/** Arguments for us are of no use to another plugin: ib-sriov, which takes only texts, even fails at a number. */
function handedOf({ runtimeConfig, cniArgs = {} }: NicCall): Handed {
  const others = Object.entries(cniArgs).filter(([key]) => key !== attachmentsKey && !requestKeys.has(key));
  return { runtimeConfig, cniArgs: Object.fromEntries(others) };
}

/** With their prefix lengths. */
function addressesOnHost(host: HostInterfaceSpec | undefined, master: string): string[] {
  const nic = host?.interfaces.find(({ interfaceName }) => interfaceName === master);
  if (!nic) return [];
  return addressesOf(nic).flatMap(({ net, address }) => (address ? [`${formatAddress(address)}/${net.prefix}`] : []));
}

function optionalHostIp(addresses: readonly string[]): { hostIP?: string } {
  const first = addresses.find(address => !address.includes(':'));
  return first === undefined ? {} : { hostIP: withoutPrefix(first) };
}
