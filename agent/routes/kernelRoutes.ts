import { type Difference, diffRoutes, type WantedRoute, type WantedRule } from '../../core/routes/diff.ts';
import { assignTables, isOwnTable } from '../../core/routes/tables.ts';
import type { RouteFailure } from '../../core/status/routesProgrammed.ts';
import { ownProtocol } from '../base/ownership.ts';
import type { MonitorEvent } from '../netlink/monitor.ts';
import type {
  Failure,
  Netlink,
  Outcome,
  RouteChange,
  RouteInfo,
  Rule,
  RuleChange,
  RuleInfo,
} from '../netlink/netlink.ts';
import type { NetworkChanges, NetworkRoutes } from './routePlan.ts';

/** Our rules come before the main table (32766) and after those that administrators usually put first. */
const rulePriority = 5400;

/** What one pass did. */
export interface Programmed {
  /** Changes made. */
  readonly changes: number;
  /** Changes that failed, and what could not be tried. */
  readonly failures: readonly RouteFailure[];
}

/** A wanted route, as the change that makes it. */
type SetRoute = RouteChange & WantedRoute;
type Change = Difference<SetRoute, RouteInfo | SetRoute, RuleInfo>;

/** Our routes and rules in the kernel. A change that the kernel refuses does not keep the others. */
export class KernelRoutes {
  readonly #netlink: Netlink;
  /** As of the last complete reading. */
  #tables: ReadonlyMap<string, number> = new Map();
  #links: ReadonlyMap<string, number> = new Map();
  /** Indexes of the links that routes lead out of, or will once there is another host. */
  readonly #devices = new Set<number>();
  /**
   * Links that are there, but down: the kernel takes no route out of them. That is no failure, or one such NIC would leave networks of thousands of hosts
   * not ready; its state is told of the NIC itself.
   */
  #down: ReadonlySet<string> = new Set();
  /** Names of such links that do not exist, like a bond or a VLAN that is not set up yet. */
  readonly #missing = new Set<string>();
  /** What the last pass deleted. */
  readonly #deleted = new Set<string>();

  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** Reads what is there and changes it into what is wanted. */
  async reconcile(networks: readonly NetworkRoutes[]): Promise<Programmed> {
    const [links, rules, routes] = await this.#netlink.run(null, [
      { op: 'link.list' },
      { op: 'rule.list' },
      { op: 'route.list', protocol: ownProtocol },
    ]);
    const ownRules = rules.filter(rule => rule.protocol === ownProtocol && isOwnTable(rule.table));
    this.#tables = await this.#chooseTables(networks, rules, ownRules);
    this.#links = new Map(links.map(({ name, index }) => [name, index]));
    this.#down = new Set(links.filter(({ up }) => !up).map(({ name }) => name));
    this.#follow(networks.flatMap(({ devices }) => devices));
    const wantedRules = networks.flatMap(({ name, subnets }) => {
      const table = this.#tables.get(name);
      return table === undefined ? [] : subnets.map((from): WantedRule => ({ from, table }));
    });
    const lacking = new Map<string, RouteFailure>();
    const diff = diffRoutes(
      { routes: this.#resolve(networks, lacking), rules: wantedRules, priority: rulePriority },
      { routes: routes.filter(({ table }) => isOwnTable(table)), rules: ownRules },
    );
    return this.#apply(diff, lacking);
  }

  /** Applies changes to what the last pass, which must not have failed, left behind. Reads nothing. */
  async change(networks: readonly NetworkChanges[]): Promise<Programmed> {
    const lacking = new Map<string, RouteFailure>();
    const after = networks.map(({ name, after }) => ({ name, routes: after }));
    const before = networks.map(({ name, before }) => ({ name, routes: before }));
    const diff = diffRoutes(
      { routes: this.#resolve(after, lacking), rules: [], priority: rulePriority },
      { routes: this.#resolve(before, new Map()), rules: [] },
    );
    return this.#apply(diff, lacking);
  }

  /** Whether the event shows that something of ours may be gone, or that somebody else added something. */
  isConcernedBy(event: MonitorEvent): boolean {
    switch (event.type) {
      case 'link':
        return this.#devices.has(event.link.index) || this.#missing.has(event.link.name);
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

  /** Changes are made to what is known of these links, so that must not become outdated. */
  #follow(devices: readonly string[]): void {
    this.#devices.clear();
    this.#missing.clear();
    for (const device of devices) {
      const dev = this.#links.get(device);
      if (dev === undefined) this.#missing.add(device);
      else this.#devices.add(dev);
    }
  }

  async #apply(diff: Iterable<Change>, lacking: ReadonlyMap<string, RouteFailure>): Promise<Programmed> {
    this.#deleted.clear();
    const tables: number[] = [];
    const outcomes = await this.#netlink.runAll(null, this.#requests(diff, tables));
    const networks = new Map([...this.#tables].map(([name, table]) => [table, name]));
    const { changes, failures } = programmed(outcomes, i => networks.get(tables[i] ?? 0));
    return { changes, failures: [...lacking.values(), ...failures] };
  }

  /** Remembers what is deleted before the kernel reports it. @param tables gets the table of each request */
  *#requests(diff: Iterable<Change>, tables: number[]): Generator<RouteChange | RuleChange> {
    for (const change of diff) {
      tables.push('rule' in change ? change.rule.table : change.route.table);
      switch (change.kind) {
        case 'setRoute':
          yield change.route;
          break;
        case 'addRule':
          yield addRule(change.rule);
          break;
        case 'deleteRule':
          this.#deleted.add(ruleKey(change.rule));
          yield deleteRule(change.rule);
          break;
        case 'deleteRoute':
          this.#deleted.add(routeKey(change.route));
          yield deleteRoute(change.route);
          break;
      }
    }
  }

  /** A table that a network begins to use must not hold anybody else's routes; one that its rules lead to already is its own. */
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

  /** Replaces names of links and networks with numbers. @param lacking gets a network's links that do not exist */
  *#resolve(
    networks: readonly Pick<NetworkRoutes, 'name' | 'routes'>[],
    lacking: Map<string, RouteFailure>,
  ): Generator<SetRoute> {
    for (const { name, routes } of networks) {
      const table = this.#tables.get(name);
      if (table === undefined) continue;
      for (const { dst, gateway, device, metric } of routes) {
        const dev = this.#links.get(device);
        if (dev === undefined) {
          lacking.set(`${name} ${device}`, { network: name, what: `no link ${device}` });
          continue;
        }
        if (!this.#down.has(device))
          yield { op: 'route.replace', table, dst, gateway, dev, metric, protocol: ownProtocol };
      }
    }
  }
}

function addRule({ from, table }: WantedRule): RuleChange {
  return { op: 'rule.add', from, table, priority: rulePriority, protocol: ownProtocol, ignore: ['EEXIST'] };
}

function deleteRule(rule: RuleInfo): RuleChange {
  return { op: 'rule.del', ...rule, ignore: ['ENOENT'] };
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

/** What came of changes. @param networkOf tells whose the i-th change was */
export function programmed(
  outcomes: readonly Outcome[],
  networkOf: (i: number) => string | undefined = () => undefined,
): Programmed {
  const failed = outcomes.flatMap(outcome => (outcome.done ? [] : [outcome.failure]));
  const failures = failed.filter(isFailure).map(failure => {
    const { index, operation, target, code, kernelText } = failure;
    return { network: networkOf(index), what: `${operation} ${target}: ${kernelText ?? code}` };
  });
  return { changes: outcomes.length - failed.length, failures };
}

/** What is there already, or gone already, is as it should be. */
function isFailure({ operation, code }: Failure): boolean {
  return operation.endsWith('.replace') || !gone.has(code);
}
