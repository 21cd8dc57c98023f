import type { CniResult, ResultInterface, ResultIp } from '../../core/cni/result.ts';
import { parseCidr } from '../../core/net/cidr.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { isPciAddress } from '../devices/deviceNic.ts';
import type { LinkInfo } from '../netlink/netlink.ts';
import { type Answers, hostInterfacesOf, podInterface } from './answers.ts';
import { type Attachment, type AttachmentNic, hostAddress, ptpMac } from './attachment.ts';
import { linkGateways, reachableRoutes } from './podRoutes.ts';

/** The result of ADD. The links in the pod come first, so that the i-th interface is the i-th NIC. */
export function resultOf(
  attachment: Attachment,
  entry: CheckpointEntry,
  links: readonly LinkInfo[],
  answers: Answers,
): CniResult {
  const { containerId, nics, dns } = attachment;
  const byName = new Map(links.map(link => [link.name, link]));
  const inPod = nics.map(nic => interfaceOf(attachment, nic, byName.get(nic.name), answers));
  const onHost = entry.links.flatMap(({ name, hostEnd }) => [
    ...(hostEnd === undefined ? [] : [{ name: hostEnd, mac: ptpMac(containerId, name, 'host') }]),
    ...hostInterfacesOf(answers, name),
  ]);
  return {
    interfaces: [...inPod, ...onHost],
    ips: nics.flatMap((nic, i) => ipsOf(attachment, nic, i)),
    routes: [
      ...reachableRoutes(attachment),
      ...nics.flatMap(({ name, delegate }) => madeRoutes(name, delegate, answers)),
    ],
    dns,
  };
}

/** The part of it that is of one NIC. */
export function nicResultOf(
  attachment: Attachment,
  nic: AttachmentNic,
  entry: CheckpointEntry,
  links: readonly LinkInfo[],
  answers: Answers,
): CniResult {
  const ofNic = { ...entry, links: entry.links.filter(({ name }) => name === nic.name) };
  return resultOf({ ...attachment, nics: [nic] }, ofNic, links, answers);
}

/** Of a device without a netdev (bound to a user-space driver) only its plugin's answer is known. */
function interfaceOf(
  { netns }: Attachment,
  { name, delegate }: AttachmentNic,
  link: LinkInfo | undefined,
  answers: Answers,
): ResultInterface {
  const told = podInterface(answers, name);
  const device = delegate?.conf.deviceID;
  return {
    ...(typeof device === 'string' && isPciAddress(device) && { pciID: device }),
    ...told,
    name,
    mac: link?.mac ?? told?.mac ?? '',
    ...(link && { mtu: link.mtu }),
    sandbox: netns,
  };
}

function ipsOf({ plugin }: Attachment, { addresses, gateways = [] }: AttachmentNic, i: number): ResultIp[] {
  return addresses.map(address => {
    const { family } = parseCidr(address);
    if (plugin.type === 'ptp') {
      return { address: hostAddress(address, family), gateway: linkGateways[family], interface: i };
    }
    const gateway = gateways.find(text => text.includes(':') === (family === 6));
    return { address, ...(gateway !== undefined && { gateway }), interface: i };
  });
}

function madeRoutes(name: string, delegate: AttachmentNic['delegate'], answers: Answers): CniResult['routes'] {
  return delegate?.role === 'plugin' ? (answers.get(name)?.result.routes ?? []) : [];
}
