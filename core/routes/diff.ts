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

/** One thing that has to be done. */
export type Difference<Wanted, Present, Rule> =
  | { readonly kind: 'setRoute'; readonly route: Wanted }
  | { readonly kind: 'addRule'; readonly rule: WantedRule }
  | { readonly kind: 'deleteRule'; readonly rule: Rule }
  | { readonly kind: 'deleteRoute'; readonly route: Present };

/**
 * The difference between what is wanted and what the kernel has of ours, in the order in which it has to be done, so that no packet meets a
 * table that is not filled yet, or a gap: routes are set, rules added, then rules and routes deleted. What is wanted is read as the
 * difference is. A route to a destination is set over the one of its metric that is there; of several to one destination all but a right
 * one go.
 * @param wanted each destination once a table
 * @param priority of our rules
 */
export function* diffRoutes<Wanted extends WantedRoute, Present extends PresentRoute, Rule extends PresentRule>(
  wanted: { readonly routes: Iterable<Wanted>; readonly rules: readonly WantedRule[]; readonly priority: number },
  present: { readonly routes: Iterable<Present>; readonly rules: readonly Rule[] },
): Generator<Difference<Wanted, Present, Rule>, undefined> {
  const left = new RouteTables(present.routes);
  const outdated: Present[] = [];
  for (const route of wanted.routes) {
    const rivals = left.take(route);
    const right = rivals.find(rival => rival.metric === route.metric && leadsAlike(rival, route));
    if (!right) yield { kind: 'setRoute', route };
    if (rivals.length === 0) continue;
    // Setting a route replaces a wrong one of its metric; deleting that one afterwards would miss it, or hit the new one.
    const kept = right ?? rivals.find(({ metric }) => metric === route.metric);
    outdated.push(...rivals.filter(rival => rival !== kept));
  }
  const missingRules = new Map(wanted.rules.map(rule => [ruleKey(rule), rule]));
  const deleteRules: Rule[] = [];
  for (const rule of present.rules) {
    const isRight = rule.priority === wanted.priority && missingRules.delete(ruleKey(rule));
    if (!isRight) deleteRules.push(rule);
  }
  for (const rule of missingRules.values()) yield { kind: 'addRule', rule };
  for (const rule of deleteRules) yield { kind: 'deleteRule', rule };
  for (const route of outdated) yield { kind: 'deleteRoute', route };
  for (const route of left.all()) yield { kind: 'deleteRoute', route };
}

function leadsAlike(a: PresentRoute, b: PresentRoute): boolean {
  return a.gateway === b.gateway && a.dev === b.dev;
}

/** Routes by table and destination: a Map a table, because composing one key of both costs more than all the rest. */
class RouteTables<Route extends PresentRoute> {
  readonly #tables = new Map<number, Map<string, Route[]>>();

  constructor(routes: Iterable<Route>) {
    for (const route of routes) {
      let table = this.#tables.get(route.table);
      if (!table) this.#tables.set(route.table, (table = new Map<string, Route[]>()));
      const same = table.get(route.dst);
      if (same) same.push(route);
      else table.set(route.dst, [route]);
    }
  }

  /** The routes to that destination, which are no longer part of this. */
  take({ table, dst }: PresentRoute): readonly Route[] {
    const routes = this.#tables.get(table);
    const same = routes?.get(dst);
    if (!same) return [];
    routes?.delete(dst);
    return same;
  }

  all(): Route[] {
    return [...this.#tables.values()].flatMap(table => [...table.values()].flat());
  }
}

function ruleKey({ table, from }: { table: number; from?: string }): string {
  return `${table} ${from ?? ''}`;
}
