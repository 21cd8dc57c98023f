import type { ResultRoute } from '../../core/cni/result.ts';
import { type Family, formatAddress, parseAddress, tryParseAddress } from '../../core/net/address.ts';
import { contains, covers, formatCidr, type IpCidr, overlap, parseCidr } from '../../core/net/cidr.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import { farEnd, isPointToPoint } from '../../core/net/pointToPoint.ts';
import { mainTable } from '../netlink/constants.ts';
import type { Answers } from './answers.ts';
import type { Attachment, AttachmentNic } from './attachment.ts';

/** An address on a rail, and the router by which it reaches everything else. */
export interface RailAddress {
  readonly family: Family;
  /** Its point-to-point subnet. */
  readonly net: IpCidr;
  readonly router: string;
}

/** What makes addresses those of rails: the host subnets that the network names. */
type Rails = Pick<Attachment, 'masterNets'>;

/**
 * The addresses of an interface whose subnet has nobody in it but a router, and lies in one of the network's host subnets. The router is the one that an
 * IPAM plugin gave with the address, else the other end.
 */
export function railAddresses({ masterNets }: Rails, { addresses, gateways = [] }: AttachmentNic): RailAddress[] {
  return addresses.flatMap(text => {
    const net = parseCidr(text);
    const isInRail = masterNets.some(master => master.prefix < net.prefix && covers(master, net));
    if (!isInRail || !isPointToPoint(net)) return [];
    const given = gateways.find(gateway => isIn(net, gateway));
    const other = farEnd(net, parseAddress(withoutPrefix(text)));
    const router = given ?? (other && formatAddress(other));
    return router === undefined ? [] : [{ family: net.family, net, router }];
  });
}

/**
 * The attachment with the routes of a fabric that routes to every NIC: to each of the network's host subnets by the interfaces that the pod has there,
 * or by all that are on rails. On such an interface a route without a gateway goes by its router.
 * @param answers of plugins, which may have made such routes themselves
 */
export function withRails(attachment: Attachment, answers: Answers): Attachment {
  const { masterNets, nics, plugin, routes } = attachment;
  const onRails = nics.flatMap(nic => railAddresses(attachment, nic));
  if (plugin.type === 'ptp' || onRails.length === 0) return attachment;
  const pluginRoutes = nics.flatMap(({ name, delegate }) =>
    delegate?.role === 'plugin' ? (answers.get(name)?.result.routes ?? []) : [],
  );
  const isMade = (net: IpCidr): boolean =>
    [...routes, ...pluginRoutes].some(({ dst, table = mainTable }) => table === mainTable && isSame(dst, net));
  const neighbours = nics.flatMap(nic => nic.addresses.map(parseCidr)).filter(net => !onRails.some(isAt(net)));
  // One that names all NICs names no rail: the pod keeps its default route.
  const isRail = (net: IpCidr): boolean => net.prefix > 0 && !isMade(net);
  const wanted = masterNets.filter(net => isRail(net) && !neighbours.some(other => overlap(net, other)));
  return {
    ...attachment,
    nics: nics.map(nic => withRouters(attachment, nic)),
    pluginRoutes,
    routes: [...routes, ...wanted.flatMap(net => routesTo(net, onRails))],
  };
}

/** Behind the routes of another attachment that is on the rail, in both families. */
const detourPriority = 2048;

function routesTo(net: IpCidr, onRails: readonly RailAddress[]): ResultRoute[] {
  const dst = formatCidr(net);
  const ofFamily = onRails.filter(({ family }) => family === net.family);
  const own = ofFamily.filter(each => covers(net, each.net));
  if (own.length > 0) return own.map(({ router: gw }) => ({ dst, gw }));
  return ofFamily.map(({ router: gw }) => ({ dst, gw, priority: detourPriority }));
}

function withRouters(rails: Rails, nic: AttachmentNic): AttachmentNic {
  const { gateways = [] } = nic;
  const routers = railAddresses(rails, nic).flatMap(({ router }) => (gateways.includes(router) ? [] : router));
  return routers.length === 0 ? nic : { ...nic, gateways: [...gateways, ...routers] };
}

function isAt(net: IpCidr): (address: RailAddress) => boolean {
  return address => formatCidr(address.net) === formatCidr(net);
}

function isIn(net: IpCidr, text: string): boolean {
  const address = tryParseAddress(text);
  return address !== undefined && contains(net, address);
}

function isSame(dst: string, net: IpCidr): boolean {
  return formatCidr(parseCidr(dst)) === formatCidr(net);
}
