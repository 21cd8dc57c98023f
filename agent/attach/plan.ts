import { formatCidr, parseCidr } from '../../core/net/cidr.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import { ownProtocol } from '../base/ownership.ts';
import { type CheckpointEntry, routeName } from '../checkpoint/entry.ts';
import type { NativePlugin } from '../delegate/plugin.ts';
import { interfaceKey, setSysctl } from '../netlink/sysctl.ts';
import type { Family, LinkAdd, Op } from '../netlink/types.ts';
import { type Attachment, type AttachmentNic, hostAddress, hostEndName, ptpMac } from './attachment.ts';
import { defaultRouteOps, noRoutesBefore } from './defaultRoutes.ts';
import { byHost, linkGateways, type PodRoute, podRoutes } from './podRoutes.ts';
import { type SourceRule, sourceRuleOps, sourceRules } from './sourceRules.ts';

/** The operations that make an attachment, in the order of the fields. */
export interface Plan {
  /** In the host's namespace: the links, each made directly in the pod's. */
  readonly links: LinkAdd[];
  /** In the pod's namespace. */
  readonly pod: Op[];
  /** In the host's namespace, once the links are there. */
  readonly host: Op[];
  readonly routes: PodRoute[];
  readonly rules: SourceRule[];
}

/**
 * What has to be done to make the attachment, or the part of it that its delegates leave to the agent. All addresses are known.
 * @param others the pod's other attachments, made or still to be made
 * @param before what the pod has already; to be given if the attachment takes over its default routes
 * @throws CniError code 100 for a gateway that no link reaches
 */
export function planOf(attachment: Attachment, others: readonly CheckpointEntry[], before = noRoutesBefore): Plan {
  const { nics, plugin } = attachment;
  const ways = plugin.type === 'ptp' ? ptpWays(attachment) : [];
  const routes = podRoutes(attachment).map(route => behindOthers(route, others));
  const rules = sourceRules(attachment, others);
  const { pluginRoutes = [] } = attachment;
  const ofPlugins = podRoutes({ ...attachment, routes: pluginRoutes, defaultRoute: [] });
  const common = [
    ...defaultRouteOps(attachment, routes, before),
    ...routes.map(({ change }) => change),
    ...sourceRuleOps(attachment, rules, [...ofPlugins, ...routes]),
    ...nameOps(attachment),
  ];
  if (plugin.type === 'delegate') return { links: [], pod: common, host: [], routes, rules };
  const perNic = plugin.type === 'ptp' ? ptpPod(attachment, ways) : nics.flatMap(nic => subInterfacePod(nic, plugin));
  return {
    links: nics.map(nic => linkOf(attachment, plugin, nic)),
    pod: [...perNic, ...common],
    host: plugin.type === 'ptp' ? nics.flatMap(nic => ptpHost(attachment, nic)) : [],
    routes: [...ways, ...routes],
    rules,
  };
}

/**
 * Each attachment of a pod has its own copy of a route that several have, which goes with its own links. Somebody else's route, for example
 * the pod's default route, is not ours to bypass: the kernel refuses ours then.
 */
function behindOthers(route: PodRoute, others: readonly CheckpointEntry[]): PodRoute {
  const name = routeName(route.change);
  const isShared = others.some(({ links }) => links.some(({ routes }) => routes.includes(name)));
  return isShared ? { ...route, change: { ...route.change, op: 'route.append' } } : route;
}

/**
 * The first link also has the attachment's own name. Multus looks up its interface by that name when it moves default routes, and
 * takes those of every interface if it finds none. A NIC of the host may have brought the name along from a pod whose entry was lost.
 */
function nameOps({ ifname, nics: [first] }: Attachment): Op[] {
  if (!first) return [];
  return [{ op: 'altname.add', dev: first.name, altName: ifname, ignore: ['EOPNOTSUPP', 'ENODEV', 'EEXIST'] }];
}

function linkOf({ netns, containerId, pod }: Attachment, plugin: NativePlugin, nic: AttachmentNic): LinkAdd {
  const { name, master: parent } = nic;
  const wantedMtu = plugin.mtu ?? nic.mtu;
  const mtu = wantedMtu === undefined ? {} : { mtu: wantedMtu };
  const mac = nic.mac === undefined ? {} : { mac: nic.mac };
  switch (plugin.type) {
    case 'ipvlan':
      return { op: 'link.add', kind: 'ipvlan', name, parent, mode: plugin.mode, targetNetns: netns, ...mtu };
    case 'macvlan':
      return { op: 'link.add', kind: 'macvlan', name, parent, mode: plugin.mode, targetNetns: netns, ...mtu, ...mac };
    case 'ptp':
      return {
        op: 'link.add',
        kind: 'veth',
        name: hostEndName(containerId, name),
        mac: ptpMac(containerId, name, 'host'),
        alias: `multi-nic pod ${pod.uid} ${name}`,
        ...mtu,
        peer: { name, netns, mac: nic.mac ?? ptpMac(containerId, name, 'pod'), ...mtu },
      };
  }
}

/** ipvlan and macvlan: addresses with the vlanCIDR's prefix length, announced to the neighbours as the link comes up. */
function subInterfacePod({ name, addresses }: AttachmentNic, plugin: NativePlugin): Op[] {
  const isL3 = plugin.type === 'ipvlan' && plugin.mode !== 'l2';
  return [
    ...(addresses.length > 0 ? ignoreAdvertisements(name) : []),
    ...familySettings(name, addresses),
    ...(isL3 ? [] : neighbourSettings(name, addresses)),
    ...addresses.map((address): Op => ({ op: 'address.add', dev: name, address, noDad: true })),
    { op: 'link.set', dev: name, up: true },
  ];
}

/**
 * On a link with fixed addresses router advertisements are ignored, also where these are of IPv4 alone: anybody on the link could make himself the way to
 * anywhere (CVE-2020-10749). ENOENT without IPv6.
 */
function ignoreAdvertisements(name: string): Op[] {
  return [{ ...setSysctl(interfaceKey(name, 6, 'accept_ra'), 0), ignore: ['ENOENT'] }];
}

/** Runtimes may switch off IPv6 in new namespaces. */
function familySettings(name: string, addresses: readonly string[]): Op[] {
  if (!addresses.some(address => address.includes(':'))) return [];
  return [setSysctl(interfaceKey(name, 6, 'disable_ipv6'), 0), setSysctl(interfaceKey(name, 6, 'ndisc_notify'), 1)];
}

/**
 * With several links of a pod in one layer 2 network, each answers ARP for its own addresses only, and accepts what comes back on another
 * (Documentation/networking/ip-sysctl.rst: arp_ignore, arp_announce, rp_filter, arp_notify).
 */
function neighbourSettings(name: string, addresses: readonly string[]): Op[] {
  if (!addresses.some(address => !address.includes(':'))) return [];
  const settings = { arp_ignore: 1, arp_announce: 2, rp_filter: 2, arp_notify: 1 };
  return Object.entries(settings).map(([key, value]) => setSysctl(interfaceKey(name, 4, key), value));
}

/**
 * ptp: the whole vlanCIDR by way of the host. Links that share it, of one attachment or two, have a route each, so that it stays reachable as
 * long as any of them is there.
 */
function ptpWays({ nics }: Attachment): PodRoute[] {
  return nics.flatMap(({ name, addresses }) =>
    addresses.map((address): PodRoute => {
      const network = parseCidr(address);
      const src = withoutPrefix(address);
      return {
        link: name,
        change: { op: 'route.append', dst: formatCidr(network), dev: name, src, ...byHost(network.family) },
      };
    }),
  );
}

/** ptp: host addresses, and routes by way of the host. */
function ptpPod({ containerId, nics }: Attachment, ways: readonly PodRoute[]): Op[] {
  return nics.flatMap(({ name, addresses }): Op[] => {
    const gatewayMac = ptpMac(containerId, name, 'host');
    const networks = addresses.map(address => ({ address, network: parseCidr(address) }));
    return [
      ...linkLocalSettings(name),
      ...ignoreAdvertisements(name),
      ...familySettings(name, addresses),
      ...networks.map(({ address, network }): Op => ({
        op: 'address.add',
        dev: name,
        address: hostAddress(address, network.family),
        noDad: true,
      })),
      { op: 'link.set', dev: name, up: true },
      ...networks.map(({ network: { family } }): Op => {
        return { op: 'neighbour.replace', dev: name, address: linkGateways[family], mac: gatewayMac };
      }),
      ...ways.filter(({ link }) => link === name).map(({ change }) => change),
    ];
  });
}

/** No link-local address of its own on a link with only the host behind it: in6_addr_gen_mode none; ENOENT without IPv6. */
function linkLocalSettings(name: string): Op[] {
  return [{ ...setSysctl(interfaceKey(name, 6, 'addr_gen_mode'), 1), ignore: ['ENOENT'] }];
}

/** The host's end: forwards what comes from the pod, and has the route to its addresses. */
function ptpHost({ containerId }: Attachment, { name, addresses, mac }: AttachmentNic): Op[] {
  const dev = hostEndName(containerId, name);
  const podMac = mac ?? ptpMac(containerId, name, 'pod');
  const networks = addresses.map(address => ({ address, family: parseCidr(address).family }));
  const has = (family: Family): boolean => networks.some(network => network.family === family);
  return [
    ...linkLocalSettings(dev),
    ...ignoreAdvertisements(dev),
    ...(has(4) ? ptpHostSettings4(dev) : []),
    ...(has(6) ? ptpHostSettings6(dev) : []),
    { op: 'link.set', dev, up: true },
    ...networks.flatMap(({ address, family }): Op[] => [
      { op: 'neighbour.replace', dev, address: withoutPrefix(address), mac: podMac },
      { op: 'route.replace', dst: hostAddress(address, family), dev, protocol: ownProtocol, scope: 'link' },
    ]),
  ];
}

function ptpHostSettings4(dev: string): Op[] {
  return [setSysctl(interfaceKey(dev, 4, 'forwarding'), 1), setSysctl(interfaceKey(dev, 4, 'rp_filter'), 2)];
}

/** A host may have IPv6 on its NICs and switch it off for new links. */
function ptpHostSettings6(dev: string): Op[] {
  return [setSysctl(interfaceKey(dev, 6, 'disable_ipv6'), 0), setSysctl(interfaceKey(dev, 6, 'forwarding'), 1)];
}
