import { diffRoutes, type WantedRoute, type WantedRule } from '../../core/routes/diff.ts';
import { assignTables, isOwnTable } from '../../core/routes/tables.ts';
import type { LinkInfo, Netlink, Outcome, RouteChange, RouteInfo, RuleChange, RuleInfo } from '../netlink/netlink.ts';
import { ownProtocol } from './ownership.ts';
import type { NetworkRoutes } from './wanted.ts';

/** Our rules are asked before the main table (32766) and after what administrators usually put first. */
export const rulePriority = 5400;

/** What one pass did. */
export interface Programmed {
  /** Changes made. */
  readonly changes: number;
  /** What could not be made, in words. */
  readonly failures: readonly string[];
  /** Indexes of the links that routes lead out of. */
  readonly devices: ReadonlySet<number>;
}

/**
 * Makes the kernel's routes and rules of ours the wanted ones: reads what is there and changes only the difference. A change that the
 * kernel refuses does not keep the others.
 */
export async function programRoutes(netlink: Netlink, networks: readonly NetworkRoutes[]): Promise<Programmed> {
  const [links, rules, routes] = await netlink.run(null, [
    { op: 'link.list' },
    { op: 'rule.list' },
    { op: 'route.list', protocol: ownProtocol },
  ]);
  const ownRules = rules.filter(rule => rule.protocol === ownProtocol && isOwnTable(rule.table));
  const ownRoutes = routes.filter(route => isOwnTable(route.table));
  const tables = await chooseTables(netlink, networks, rules, ownRules);
  const { wanted, lacking, devices } = resolve(networks, tables, links);
  const diff = diffRoutes(
    { ...wanted, priority: rulePriority },
    { routes: ownRoutes.map(comparable), rules: ownRules },
  );
  const changes = [
    ...diff.setRoutes.map(setRoute),
    ...diff.addRules.map(addRule),
    ...diff.deleteRules.map(deleteRule),
    ...diff.deleteRoutes.map(({ info }) => deleteRoute(info)),
  ];
  const outcomes = changes.length > 0 ? await netlink.runAll(null, changes) : [];
  return { changes: changes.length, failures: [...lacking, ...outcomes.flatMap(failureOf)], devices };
}

/** A table that a network takes newly must hold no one else's routes; one that its rules lead to already is its own. */
async function chooseTables(
  netlink: Netlink,
  networks: readonly NetworkRoutes[],
  rules: readonly RuleInfo[],
  ownRules: readonly RuleInfo[],
): Promise<Map<string, number>> {
  const foreign = new Set(rules.filter(rule => rule.protocol !== ownProtocol).map(({ table }) => table));
  const proven = new Set(ownRules.map(({ table }) => table));
  for (;;) {
    const tables = assignTables(networks, ownRules, foreign);
    const fresh = [...tables.values()].filter(table => !proven.has(table));
    if (fresh.length === 0) return tables;
    const lists = await netlink.run(
      null,
      fresh.map(table => ({ op: 'route.list' as const, table })),
    );
    for (const [i, table] of fresh.entries()) {
      const isTaken = lists[i]?.some(route => route.protocol !== ownProtocol) ?? false;
      (isTaken ? foreign : proven).add(table);
    }
  }
}

interface Resolved {
  readonly wanted: { readonly routes: WantedRoute[]; readonly rules: WantedRule[] };
  readonly lacking: string[];
  readonly devices: Set<number>;
}

/** Names of links and networks as numbers; a route by a link that is not there is reported. */
function resolve(
  networks: readonly NetworkRoutes[],
  tables: ReadonlyMap<string, number>,
  links: readonly LinkInfo[],
): Resolved {
  const indexes = new Map(links.map(({ name, index }) => [name, index]));
  const resolved: Resolved = { wanted: { routes: [], rules: [] }, lacking: [], devices: new Set() };
  for (const { name, subnets, routes } of networks) {
    const table = tables.get(name);
    if (table === undefined) continue;
    for (const from of subnets) resolved.wanted.rules.push({ from, table });
    for (const { dst, gateway, device, metric } of routes) {
      const dev = indexes.get(device);
      if (dev === undefined) resolved.lacking.push(`network ${name}: no link ${device}`);
      else {
        resolved.wanted.routes.push({ table, dst, gateway, dev, metric });
        resolved.devices.add(dev);
      }
    }
  }
  return { ...resolved, lacking: [...new Set(resolved.lacking)] };
}

function comparable(info: RouteInfo): WantedRoute & { readonly info: RouteInfo } {
  const { table, dst, gateway = '', dev = 0, metric } = info;
  return { table, dst, gateway, dev, metric, info };
}

function setRoute({ table, dst, gateway, dev, metric }: WantedRoute): RouteChange {
  return { op: 'route.replace', table, dst, gateway, dev, metric, protocol: ownProtocol };
}

function addRule({ from, table }: WantedRule): RuleChange {
  return { op: 'rule.add', from, table, priority: rulePriority, protocol: ownProtocol, ignore: ['EEXIST'] };
}

function deleteRule(rule: RuleInfo): RuleChange {
  return { op: 'rule.del', ...rule, action: 'lookup', ignore: ['ENOENT'] };
}

/** ESRCH: gone meanwhile, for example with its link. */
function deleteRoute(info: RouteInfo): RouteChange {
  return { op: 'route.del', ...info, ignore: ['ESRCH', 'ENOENT'] };
}

const gone: ReadonlySet<string> = new Set(['EEXIST', 'ESRCH', 'ENOENT']);

function failureOf(outcome: Outcome): string[] {
  if (outcome.done) return [];
  const { operation, target, code, kernelText } = outcome.failure;
  if (!operation.endsWith('.replace') && gone.has(code)) return [];
  return [`${operation} ${target}: ${kernelText ?? code}`];
}
