import type { L3Route } from '../../core/routes/desiredRoutes.ts';
import { diffRoutes, type RouteDiff, type WantedRoute, type WantedRule } from '../../core/routes/diff.ts';
import { assignTables, isOwnTable } from '../../core/routes/tables.ts';
import type { MonitorEvent } from '../netlink/monitor.ts';
import type { Netlink, Outcome, RouteChange, RouteInfo, Rule, RuleChange, RuleInfo } from '../netlink/netlink.ts';
import { ownProtocol } from './ownership.ts';
import type { NetworkChanges, NetworkRoutes } from './routePlan.ts';

/** Our rules are asked before the main table (32766) and after what administrators usually put first. */
export const rulePriority = 5400;

/** What one pass did. */
export interface Programmed {
  /** Changes made. */
  readonly changes: number;
  /** What could not be made, in words. */
  readonly failures: readonly string[];
}

/** A wanted route as the change that makes it. */
type SetRoute = RouteChange & WantedRoute;

/** Our routes and rules in the kernel. A change that the kernel refuses does not keep the others. */
export class KernelRoutes {
  readonly #netlink: Netlink;
  /** As of the last time that all was read. */
  #tables: ReadonlyMap<string, number> = new Map();
  #links: ReadonlyMap<string, number> = new Map();
  /** Indexes of the links that routes lead out of. */
  readonly #devices = new Set<number>();
  /** What the last pass deleted. */
  #deleted: ReadonlySet<string> = new Set();

  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** Reads what is there and makes it the wanted. */
  async reconcile(networks: readonly NetworkRoutes[]): Promise<Programmed> {
    const [links, rules, routes] = await this.#netlink.run(null, [
      { op: 'link.list' },
      { op: 'rule.list' },
      { op: 'route.list', protocol: ownProtocol },
    ]);
    const ownRules = rules.filter(rule => rule.protocol === ownProtocol && isOwnTable(rule.table));
    this.#tables = await this.#chooseTables(networks, rules, ownRules);
    this.#links = new Map(links.map(({ name, index }) => [name, index]));
    this.#devices.clear();
    const wanted = networks.map(({ name, routes }) => this.#resolve(name, routes));
    const wantedRules = networks.flatMap(({ name, subnets }) => {
      const table = this.#tables.get(name);
      return table === undefined ? [] : subnets.map((from): WantedRule => ({ from, table }));
    });
    const diff = diffRoutes(
      { routes: wanted.flatMap(({ found }) => found), rules: wantedRules, priority: rulePriority },
      { routes: routes.filter(({ table }) => isOwnTable(table)), rules: ownRules },
    );
    return this.#apply(
      diff,
      wanted.flatMap(({ lacking }) => lacking),
    );
  }

  /** Makes changes of what the last pass, without a failure, left behind. Nothing is read. */
  async change(networks: readonly NetworkChanges[]): Promise<Programmed> {
    const after = networks.map(({ name, after }) => this.#resolve(name, after));
    const before = networks.map(({ name, before }) => this.#resolve(name, before));
    const diff = diffRoutes(
      { routes: after.flatMap(({ found }) => found), rules: [], priority: rulePriority },
      { routes: before.flatMap(({ found }) => found), rules: [] },
    );
    return this.#apply(
      diff,
      after.flatMap(({ lacking }) => lacking),
    );
  }

  /** Whether the event tells that something of ours may have gone, or come from somebody else. */
  isConcernedBy(event: MonitorEvent): boolean {
    switch (event.type) {
      case 'link':
        return this.#devices.has(event.link.index) || event.link.kind === null;
      case 'address':
        return this.#devices.has(event.address.dev);
      case 'route': {
        const { action, route } = event;
        if (action !== 'del' || route.protocol !== ownProtocol || !isOwnTable(route.table)) return false;
        return !this.#deleted.has(routeKey(route));
      }
      case 'rule':
        if (!isOwnTable(event.rule.table)) return false;
        return (
          event.rule.protocol !== ownProtocol || (event.action === 'del' && !this.#deleted.has(ruleKey(event.rule)))
        );
      case 'resync':
        return true;
    }
  }

  async #apply(
    diff: RouteDiff<SetRoute, RouteInfo | SetRoute, RuleInfo>,
    lacking: readonly string[],
  ): Promise<Programmed> {
    this.#deleted = new Set([...diff.deleteRoutes.map(routeKey), ...diff.deleteRules.map(ruleKey)]);
    const { setRoutes, deleteRoutes } = diff;
    const changes = [
      ...setRoutes,
      ...diff.addRules.map(addRule),
      ...diff.deleteRules.map(deleteRule),
      ...deleteRoutes.map(deleteRoute),
    ];
    const outcomes = changes.length > 0 ? await this.#netlink.runAll(null, changes) : [];
    return { changes: changes.length, failures: [...new Set(lacking), ...outcomes.flatMap(failureOf)] };
  }

  /** A table that a network takes newly must hold no one else's routes; one that its rules lead to already is its own. */
  async #chooseTables(
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
      const lists = await this.#netlink.run(
        null,
        fresh.map(table => ({ op: 'route.list' as const, table })),
      );
      for (const [i, table] of fresh.entries()) {
        const isTaken = lists[i]?.some(route => route.protocol !== ownProtocol) ?? false;
        (isTaken ? foreign : proven).add(table);
      }
    }
  }

  /** Names of links and networks as numbers; a route by a link that is not there is reported. */
  #resolve(name: string, routes: readonly L3Route[]): { readonly found: SetRoute[]; readonly lacking: string[] } {
    const table = this.#tables.get(name);
    const found: SetRoute[] = [];
    const lacking = new Set<string>();
    if (table === undefined) return { found, lacking: [] };
    for (const { dst, gateway, device, metric } of routes) {
      const dev = this.#links.get(device);
      if (dev === undefined) lacking.add(`network ${name}: no link ${device}`);
      else {
        found.push({ op: 'route.replace', table, dst, gateway, dev, metric, protocol: ownProtocol });
        this.#devices.add(dev);
      }
    }
    return { found, lacking: [...lacking] };
  }
}

function addRule({ from, table }: WantedRule): RuleChange {
  return { op: 'rule.add', from, table, priority: rulePriority, protocol: ownProtocol, ignore: ['EEXIST'] };
}

function deleteRule(rule: RuleInfo): RuleChange {
  return { op: 'rule.del', ...rule, action: 'lookup', ignore: ['ENOENT'] };
}

/** ESRCH: gone meanwhile, for example with its link. */
function deleteRoute(route: RouteInfo | SetRoute): RouteChange {
  return { ...route, op: 'route.del', ignore: ['ESRCH', 'ENOENT'] };
}

function routeKey({ table, dst, metric }: Pick<WantedRoute, 'table' | 'dst' | 'metric'>): string {
  return `${table} ${dst} ${metric}`;
}

function ruleKey({ from, table, priority }: Rule): string {
  return `rule ${priority} ${from} ${table}`;
}

const gone: ReadonlySet<string> = new Set(['EEXIST', 'ESRCH', 'ENOENT']);

function failureOf(outcome: Outcome): string[] {
  if (outcome.done) return [];
  const { operation, target, code, kernelText } = outcome.failure;
  if (!operation.endsWith('.replace') && gone.has(code)) return [];
  return [`${operation} ${target}: ${kernelText ?? code}`];
}
