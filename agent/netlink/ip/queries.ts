import { constants } from 'node:os';
import { Writer } from '../attributes.ts';
import { mainTable } from '../constants.ts';
import { keepsAddress, keepsRoute, keepsRule } from '../filters.ts';
import { writeLinkGet } from '../linkRequests.ts';
import type { Family, LinkInfo, LinkRef, QueryOp, Result, RouteInfo, RouteList, RuleInfo, RuleList } from '../types.ts';
import { errorOf, IpError } from './answers.ts';
import type { IpAddressesJson, IpLinkJson, IpRouteJson, IpRuleJson } from './json.ts';
import { execute, type Place } from './program.ts';
import { readAddresses } from './readAddress.ts';
import { indexesOf, readLink } from './readLink.ts';
import { readRoute } from './readRoute.ts';
import { readRule } from './readRule.ts';

/** Executes a query. Throws IpError; InvalidArgument for what no link can be called. */
export async function query(op: QueryOp, place: Place): Promise<Result> {
  switch (op.op) {
    case 'link.list':
      return listLinks(place);
    case 'link.get':
      return linkOf(op.dev, place);
    case 'address.list': {
      const dev = await deviceOf(op.dev, place);
      const links = await show<IpAddressesJson>(place, ['address', 'show']);
      const found = links.flatMap(readAddresses).filter(item => keepsAddress(op, dev, item));
      if (found.length > (op.most ?? Infinity)) throw new IpError(constants.errno.E2BIG, null);
      return found;
    }
    case 'route.list':
      return listRoutes(op, place);
    case 'rule.list':
      return listRules(op, place);
  }
}

/** Runs `ip … show` and reads what it prints, which is nothing at all where there is nothing. */
async function show<Item>(place: Place, words: readonly string[]): Promise<Item[]> {
  const { status, stdout, stderr } = await execute(['ip', '-N', '-j', '-d', ...words], place);
  if (status !== 0) throw errorOf(stderr);
  return stdout.trim() === '' ? [] : (JSON.parse(stdout) as Item[]);
}

async function listLinks(place: Place): Promise<LinkInfo[]> {
  const links = await show<IpLinkJson>(place, ['link', 'show']);
  const indexes = indexesOf(links);
  return links.map(link => readLink(link, indexes));
}

/** Throws IpError with ENODEV where there is no such link; InvalidArgument for what none can be called. */
export async function linkOf(ref: LinkRef, place: Place): Promise<LinkInfo> {
  // Refuses what the codec refuses.
  writeLinkGet(new Writer(), 0, ref);
  const found = (await listLinks(place)).find(({ index, name, altNames }) =>
    typeof ref === 'number' ? index === ref : name === ref || altNames.includes(ref),
  );
  if (found === undefined) throw new IpError(constants.errno.ENODEV, null);
  return found;
}

async function deviceOf(ref: LinkRef | undefined, place: Place): Promise<number | undefined> {
  return typeof ref === 'string' ? (await linkOf(ref, place)).index : ref;
}

async function listRoutes(op: RouteList, place: Place): Promise<RouteInfo[]> {
  const dev = await deviceOf(op.dev, place);
  const lists = await Promise.all(familiesOf(op.family).map(family => routesOf(op, family, place)));
  // After the routes: a link that a route goes over is there.
  const indexes = indexesOf(await show<IpLinkJson>(place, ['link', 'show']));
  return lists
    .flatMap(({ family, routes }) => routes.map(route => readRoute(route, family, op.table ?? mainTable, indexes)))
    .filter(item => keepsRoute(op, dev, item));
}

async function routesOf(
  op: RouteList,
  family: Family,
  place: Place,
): Promise<{ family: Family; routes: readonly IpRouteJson[] }> {
  const table = op.table === undefined ? 'all' : String(op.table);
  try {
    return { family, routes: await show<IpRouteJson>(place, [`-${family}`, 'route', 'show', 'table', table]) };
  } catch (error) {
    // A table that has never had a route.
    if (error instanceof IpError && /table does not exist/i.test(error.text ?? '')) return { family, routes: [] };
    throw error;
  }
}

async function listRules(op: RuleList, place: Place): Promise<RuleInfo[]> {
  const lists = await Promise.all(familiesOf(op.family).map(family => rulesOf(family, place)));
  return lists.flat().filter(item => keepsRule(op, item));
}

async function rulesOf(family: Family, place: Place): Promise<RuleInfo[]> {
  try {
    return (await show<IpRuleJson>(place, [`-${family}`, 'rule', 'show'])).map(rule => readRule(rule, family));
  } catch (error) {
    // The kernel was booted with ipv6.disable=1.
    if (error instanceof IpError && error.errno === constants.errno.EAFNOSUPPORT) return [];
    throw error;
  }
}

function familiesOf(family: Family | undefined): readonly Family[] {
  return family === undefined ? [4, 6] : [family];
}
