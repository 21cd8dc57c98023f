/** `dst via gateway dev device` in a table; `device` is the link's index. */
export interface WantedRoute {
  readonly table: number;
  readonly dst: string;
  readonly gateway: string;
  readonly dev: number;
  readonly metric: number;
}

/** `from <network> lookup <table>`. */
export interface WantedRule {
  readonly from: string;
  readonly table: number;
}

/** A route of ours as the kernel has it. */
export interface PresentRoute {
  readonly table: number;
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: number;
  readonly metric: number;
}

/** A rule of ours as the kernel has it. */
export interface PresentRule {
  readonly from?: string;
  readonly table: number;
  readonly priority: number;
}

/** What has to be done, in the order of the fields: so no packet meets a table that is not filled yet, or a gap. */
export interface RouteDiff<Route, Rule> {
  readonly setRoutes: readonly WantedRoute[];
  readonly addRules: readonly WantedRule[];
  readonly deleteRules: readonly Rule[];
  readonly deleteRoutes: readonly Route[];
}

/**
 * The difference between what is wanted and what the kernel has of ours. A route to a destination is set over the one of its metric that is there; of
 * several to one destination all but a right one go.
 * @param wanted each destination once a table
 * @param priority of our rules
 */
export function diffRoutes<Route extends PresentRoute, Rule extends PresentRule>(
  wanted: { readonly routes: readonly WantedRoute[]; readonly rules: readonly WantedRule[]; readonly priority: number },
  present: { readonly routes: readonly Route[]; readonly rules: readonly Rule[] },
): RouteDiff<Route, Rule> {
  const missing = new RouteTables(wanted.routes);
  const wrong: Route[] = [];
  for (const route of present.routes) {
    const expected = missing.find(route);
    if (expected && expected.gateway === route.gateway && expected.dev === route.dev) missing.delete(expected);
    else wrong.push(route);
  }
  const missingRules = new Map(wanted.rules.map(rule => [ruleKey(rule), rule]));
  const deleteRules: Rule[] = [];
  for (const rule of present.rules) {
    const isRight = rule.priority === wanted.priority && missingRules.delete(ruleKey(rule));
    if (!isRight) deleteRules.push(rule);
  }
  // Setting a route replaces one wrong route to the same destination; deleting that one afterwards would miss it, or hit the new one.
  const replaced = new Set<WantedRoute>();
  const deleteRoutes = wrong.filter(route => {
    const expected = missing.find(route);
    if (!expected || replaced.has(expected)) return true;
    replaced.add(expected);
    return false;
  });
  return { setRoutes: missing.all(), addRules: [...missingRules.values()], deleteRules, deleteRoutes };
}

/** Routes by table and destination: a Map a table, because composing one key for both costs more than all the rest. */
class RouteTables {
  readonly #tables = new Map<number, Map<string, WantedRoute>>();

  constructor(routes: readonly WantedRoute[]) {
    for (const route of routes) {
      let table = this.#tables.get(route.table);
      if (!table) this.#tables.set(route.table, (table = new Map<string, WantedRoute>()));
      table.set(route.dst, route);
    }
  }

  /** The route that the kernel would not keep beside this one: of the same destination and metric. */
  find({ table, dst, metric }: Pick<WantedRoute, 'table' | 'dst' | 'metric'>): WantedRoute | undefined {
    const route = this.#tables.get(table)?.get(dst);
    return route?.metric === metric ? route : undefined;
  }

  delete({ table, dst }: WantedRoute): void {
    this.#tables.get(table)?.delete(dst);
  }

  all(): WantedRoute[] {
    return [...this.#tables.values()].flatMap(table => [...table.values()]);
  }
}

function ruleKey({ table, from }: { table: number; from?: string }): string {
  return `${table} ${from ?? ''}`;
}
