import { expect } from 'chai';
import fc from 'fast-check';
import {
  type Difference,
  diffRoutes,
  type PresentRoute,
  type PresentRule,
  type WantedRoute,
  type WantedRule,
} from './diff.ts';

const tables = fc.constantFrom(1, 2);
const route = fc.record({
  table: tables,
  dst: fc.constantFrom('10.0.0.0/26', '10.0.0.64/26', '10.0.0.128/26', '10.0.0.192/26'),
  gateway: fc.constantFrom('172.20.1.1', '172.20.1.2'),
  dev: fc.constantFrom(2, 3),
  metric: fc.constantFrom(1, 2),
});
const rule = fc.record({ table: tables, from: fc.constantFrom('10.0.0.0/16', '10.1.0.0/16') });
const wanted = fc.record({
  routes: fc.uniqueArray(route, { selector: ({ table, dst }) => `${table} ${dst}` }),
  rules: fc.uniqueArray(rule, { selector: ({ table, from }) => `${table} ${from}` }),
});
const present = fc.record({
  routes: fc.uniqueArray(route, { selector: item => JSON.stringify(item) }),
  rules: fc.uniqueArray(
    fc.record({
      table: tables,
      from: fc.constantFrom('10.0.0.0/16', '10.1.0.0/16'),
      priority: fc.constantFrom(5400, 9),
    }),
    {
      selector: item => JSON.stringify(item),
    },
  ),
});

type Change = Difference<WantedRoute, PresentRoute, PresentRule>;

/** What the kernel makes of the changes: `replace` puts a route in the place of the first to its destination with its metric. */
function apply(before: { routes: PresentRoute[]; rules: PresentRule[] }, diff: Iterable<Change>) {
  let routes = [...before.routes];
  let rules: (PresentRule | WantedRule)[] = [...before.rules];
  for (const change of diff) {
    if (change.kind === 'setRoute') routes = set(routes, change.route);
    else if (change.kind === 'deleteRoute') routes = routes.filter(item => item !== change.route);
    else if (change.kind === 'addRule') rules.push(change.rule);
    else rules = rules.filter(item => item !== change.rule);
  }
  return { routes: routes.map(text).sort(), rules: rules.map(({ table, from }) => `${table} ${from}`).sort() };
}

function set(routes: PresentRoute[], route: WantedRoute): PresentRoute[] {
  const at = routes.findIndex(
    ({ table, dst, metric }) => table === route.table && dst === route.dst && metric === route.metric,
  );
  return at < 0 ? [...routes, route] : routes.with(at, route);
}

const text = ({ table, dst, gateway, dev, metric }: PresentRoute): string =>
  `${table} ${dst} ${gateway} ${dev} ${metric}`;

describe('diffRoutes', () => {
  it('turns any state into the wanted one, and then finds no difference', () => {
    fc.assert(
      fc.property(wanted, present, (want, have) => {
        const after = apply(have, diffRoutes({ ...want, priority: 5400 }, have));
        expect(after.routes).to.deep.equal(want.routes.map(text).sort());
        expect(after.rules).to.deep.equal(want.rules.map(r => `${r.table} ${r.from}`).sort());
      }),
    );
  });

  it('touches nothing that is right', () => {
    fc.assert(
      fc.property(wanted, ({ routes, rules }: { routes: WantedRoute[]; rules: WantedRule[] }) => {
        const have = { routes, rules: rules.map(item => ({ ...item, priority: 5400 })) };
        expect([...diffRoutes({ routes, rules, priority: 5400 }, have)]).to.deep.equal([]);
      }),
    );
  });

  it('leaves no packet without its route: sets and adds before it deletes', () => {
    const order = ['setRoute', 'addRule', 'deleteRule', 'deleteRoute'];
    fc.assert(
      fc.property(wanted, present, (want, have) => {
        const kinds = Array.from(diffRoutes({ ...want, priority: 5400 }, have), ({ kind }) => order.indexOf(kind));
        expect(kinds).to.deep.equal(kinds.toSorted());
      }),
    );
  });

  it('costs one change for a host that joins', () => {
    const routes = Array.from({ length: 200 }, (_, i) => ({
      table: 1,
      dst: `10.0.${i}.0/24`,
      gateway: '172.20.1.1',
      dev: 2,
      metric: i + 1,
    }));
    const diff = diffRoutes({ routes, rules: [], priority: 1 }, { routes: routes.slice(1), rules: [] });
    expect([...diff]).to.deep.equal([{ kind: 'setRoute', route: routes[0] }]);
  });
});
