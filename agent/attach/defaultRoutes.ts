import { cniCodes, cniError } from '../../core/cni/error.ts';
import { mainTable } from '../netlink/constants.ts';
import type { LinkInfo, Netlink, Op, RouteInfo } from '../netlink/netlink.ts';
import { interfaceKey, setSysctl } from '../netlink/sysctl.ts';
import type { Attachment } from './attachment.ts';
import { defaultDestination, type PodRoute } from './podRoutes.ts';

/** What a pod has already when an attachment takes its default routes over. */
export interface PodRoutesBefore {
  readonly links: readonly LinkInfo[];
  /** Of the main table. */
  readonly routes: readonly RouteInfo[];
}

export const noRoutesBefore: PodRoutesBefore = { links: [], routes: [] };

/** Reads what `defaultRouteOps` has to know; nothing where the attachment takes no default route. @throws NetlinkError */
export async function routesBefore(netlink: Netlink, { netns, defaultRoute }: Attachment): Promise<PodRoutesBefore> {
  if (defaultRoute.length === 0) return noRoutesBefore;
  const [links, routes] = await netlink.run(netns, [{ op: 'link.list' }, { op: 'route.list', table: mainTable }]);
  return { links, routes };
}

/**
 * multi-net-spec v1.3 §4.1.2.1.9: with `default-route` the pod's other default routes of that family go, whatever their metrics, and routers that
 * the pod's other links hear of bring none back (Documentation/networking/ip-sysctl.rst: accept_ra_defrtr).
 * @throws CniError code 100 for a gateway that no link of the attachment reaches: the pod would lose its way out
 */
export function defaultRouteOps(
  { defaultRoute, network, nics }: Attachment,
  routes: readonly PodRoute[],
  before: PodRoutesBefore,
): Op[] {
  const dsts = new Set(defaultRoute.map(gateway => defaultDestination(gateway)));
  const lost = [...dsts].find(dst => !routes.some(({ change }) => change.dst === dst));
  if (lost !== undefined) {
    const detail = `network ${network}: default-route ${defaultRoute.join(', ')} is in no subnet of the pod's NICs there`;
    throw cniError(cniCodes.noAttachment, 'MNN_GATEWAY_UNREACHABLE', detail);
  }
  const own = new Set(nics.map(({ name }) => name));
  const hearing = dsts.has('::/0') ? before.links.filter(({ name, loopback }) => !loopback && !own.has(name)) : [];
  return [
    ...hearing.map(({ name }): Op => ({
      ...setSysctl(interfaceKey(name, 6, 'accept_ra_defrtr'), 0),
      ignore: ['ENOENT'],
    })),
    ...before.routes
      .filter(({ dst }) => dsts.has(dst))
      .map((route): Op => ({ op: 'route.del', ...route, ignore: ['ESRCH'] })),
  ];
}
