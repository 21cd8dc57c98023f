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
 * @param priority of our rules
 */
export function diffRoutes<Route extends PresentRoute, Rule extends PresentRule>(
  wanted: { readonly routes: readonly WantedRoute[]; readonly rules: readonly WantedRule[]; readonly priority: number },
  present: { readonly routes: readonly Route[]; readonly rules: readonly Rule[] },
): RouteDiff<Route, Rule> {
  const missing = new Map(wanted.routes.map(route => [routeKey(route), route]));
  const wantedKeys = new Set(missing.keys());
  const wrong: Route[] = [];
  for (const route of present.routes) {
    const expected = missing.get(routeKey(route));
    if (expected && expected.gateway === route.gateway && expected.dev === route.dev) missing.delete(routeKey(route));
    else wrong.push(route);
  }
  const missingRules = new Map(wanted.rules.map(rule => [ruleKey(rule), rule]));
  const deleteRules: Rule[] = [];
  for (const rule of present.rules) {
    const isRight = rule.priority === wanted.priority && missingRules.delete(ruleKey(rule));
    if (!isRight) deleteRules.push(rule);
  }
  // Setting a route replaces one wrong route to the same destination; deleting that one afterwards would miss it, or hit the new one.
  const replaced = new Set(missing.keys());
  const deleteRoutes = wrong.filter(route => {
    const key = routeKey(route);
    return !(wantedKeys.has(key) && replaced.delete(key));
  });
  return { setRoutes: [...missing.values()], addRules: [...missingRules.values()], deleteRules, deleteRoutes };
}

/** What one route may have only once in the kernel. */
function routeKey({ table, dst, metric }: { table: number; dst: string; metric: number }): string {
  return `${table} ${dst} ${metric}`;
}

function ruleKey({ table, from }: { table: number; from?: string }): string {
  return `${table} ${from ?? ''}`;
}
