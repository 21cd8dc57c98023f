import { cniCodes, cniError } from '../../core/cni/error.ts';
import { isRecord } from '../../core/json.ts';
import { tryParseCidr } from '../../core/net/cidr.ts';
import { hopsOf } from '../checkpoint/entry.ts';
import type { DelegateResult } from '../delegate/delegates.ts';
import { mainTable } from '../netlink/constants.ts';
import type { LinkInfo, Netlink, Op, RouteInfo } from '../netlink/netlink.ts';
import { interfaceKey, setSysctl } from '../netlink/sysctl.ts';
import type { Family, LinkRef } from '../netlink/types.ts';
import type { Attachment } from './attachment.ts';
import { defaultDestination, type PodRoute } from './podRoutes.ts';

/** What a pod has already when an attachment takes over its default routes. */
export interface PodRoutesBefore {
  readonly links: readonly LinkInfo[];
  /** Of the main table. */
  readonly routes: readonly RouteInfo[];
}

export const noRoutesBefore: PodRoutesBefore = { links: [], routes: [] };

/**
 * A DHCP server names a gateway to every host of its network, and the reference plugins put the default route by it before those that the pod
 * has: it would lose its primary network. A pod's own default route stays, as long as its selection gives it to nobody else.
 * @throws NetlinkError
 */
export async function keepingDefaults(netlink: Netlink, attachment: Attachment): Promise<Attachment> {
  const { netns, nics, defaultFamilies } = attachment;
  if (defaultFamilies.includes(4) || !nics.some(({ delegate }) => delegate?.conf.ipam?.type === 'dhcp'))
    return attachment;
  const routes = await netlink.one(netns, { op: 'route.list', table: mainTable });
  return routes.some(route => isDefault(route, [4]))
    ? { ...attachment, defaultFamilies: [...defaultFamilies, 4] }
    : attachment;
}

/** Reads what `defaultRouteOps` needs; nothing if the pod leaves its default routes as they are. @throws NetlinkError */
export async function routesBefore(netlink: Netlink, { netns, defaultFamilies }: Attachment): Promise<PodRoutesBefore> {
  if (defaultFamilies.length === 0) return noRoutesBefore;
  const [links, routes] = await netlink.run(netns, [{ op: 'link.list' }, { op: 'route.list', table: mainTable }]);
  return { links, routes };
}

/**
 * multi-net-spec v1.3 §4.1.2.1.9: with `default-route` the pod's other default routes of that family are removed, whatever their metrics, and
 * advertisements on the pod's other links bring none back (Documentation/networking/ip-sysctl.rst: accept_ra_defrtr). If another attachment has
 * it, the ones that this attachment's plugin made are removed.
 * @throws CniError code 100 for a gateway that no link of the attachment reaches: the pod would lose its way out
 */
export function defaultRouteOps(
  { defaultRoute, defaultFamilies, network, nics }: Attachment,
  routes: readonly PodRoute[],
  before: PodRoutesBefore,
): Op[] {
  const taken = new Set(defaultRoute.map(gateway => defaultDestination(gateway)));
  const lost = [...taken].find(dst => !routes.some(({ change }) => change.dst === dst));
  if (lost !== undefined) {
    const detail = `network ${network}: default-route ${defaultRoute.join(', ')} is in no subnet of the pod's NICs there`;
    throw cniError(cniCodes.noAttachment, 'MNN_GATEWAY_UNREACHABLE', detail);
  }
  const names = new Set(nics.map(({ name }) => name));
  const isOwn = ({ name }: LinkInfo): boolean => names.has(name);
  const own = new Set<LinkRef | undefined>(before.links.filter(isOwn).map(({ index }) => index));
  const hearing = defaultFamilies.includes(6)
    ? before.links.filter(link => !link.loopback && isOwn(link) !== taken.has('::/0'))
    : [];
  return [
    ...hearing.map(({ name }): Op => ({
      ...setSysctl(interfaceKey(name, 6, 'accept_ra_defrtr'), 0),
      ignore: ['ENOENT'],
    })),
    ...before.routes
      .filter(
        route =>
          isDefault(route, defaultFamilies) && (taken.has(route.dst) || hopsOf(route).some(({ dev }) => own.has(dev))),
      )
      .map((route): Op => ({ op: 'route.del', ...route, ignore: ['ESRCH'] })),
  ];
}

/** Routes without default routes of those families. */
export function withoutDefaults<T extends RouteLike>(routes: readonly T[], families: readonly Family[]): T[] {
  return routes.filter(route => !isDefault(route, families));
}

/** What a plugin answered, without default routes of those families: CHECK asks it for what is left. */
export function answerWithoutDefaults(answer: DelegateResult, families: readonly Family[]): DelegateResult {
  const { printed, result } = answer;
  const routes = withoutDefaults(result.routes, families);
  if (routes.length === result.routes.length || !Array.isArray(printed.routes)) return answer;
  const kept = printed.routes.filter(item => !isRecord(item) || !isDefault(item, families));
  return { printed: { ...printed, routes: kept }, result: { ...result, routes } };
}

/** A route, ours or from another program's answer. */
interface RouteLike {
  readonly dst?: unknown;
  readonly table?: unknown;
}

/** Only the main table's count: those of other tables apply only to some packets. */
function isDefault({ dst, table = mainTable }: RouteLike, families: readonly Family[]): boolean {
  const cidr = typeof dst === 'string' ? tryParseCidr(dst) : undefined;
  return cidr?.prefix === 0 && table === mainTable && families.includes(cidr.family);
}
