import { errorTable } from '../core/errors.ts';

/** A metric that a source file defines. */
export interface Metric {
  name: string;
  type: string;
  help: string;
  labels: string[];
}

const begin = '<!-- written by node docs/generate.ts -->';
const end = '<!-- end -->';

/** A page's three parts: up to the first mark, the table, from the second mark on. @throws where a mark is missing */
function parts(page: string): [before: string, table: string, after: string] {
  const start = page.indexOf(begin) + begin.length;
  const stop = page.indexOf(end);
  if (start < begin.length || stop < start) throw new Error(`The page has no "${begin}" followed by "${end}"`);
  return [page.slice(0, start), page.slice(start, stop), page.slice(stop)];
}

/** The page with its table replaced, everything around the marks as it was. */
function withTable(page: string, table: readonly string[]): string {
  const [before, , after] = parts(page);
  return `${before}\n\n${table.join('\n')}\n\n${after}`;
}

/** The causes that people wrote into the page's table, by code. */
export function causes(page: string): Map<string, string> {
  const rows = parts(page)[1].matchAll(/^\| `(MNN_\w+)` \| (.*?) \| .* \|$/gm);
  return new Map([...rows].map(([, code = '', cause = '']) => [code, cause.trim()]));
}

/** docs/reference/errors.md: codes and advice are those of core/errors.ts, causes those that the page has. */
export function errorsPage(page: string): string {
  const known = causes(page);
  const rows = Object.entries(errorTable).map(
    ([code, fix]) => `| \`${code}\` | ${known.get(code) ?? ''} | ${fix.replaceAll('|', '\\|')} |`,
  );
  return withTable(page, ['| Code | Cause | What to do |', '|---|---|---|', ...rows]);
}

/** The metrics that a source file makes with prom-client, or with `gauge` of controller/leaderGauges.ts. */
export function metricsIn(source: string): Metric[] {
  return [...source.matchAll(/\b(Counter|Gauge|gauge|Histogram|Summary)\(\{(.*?)\n {2,}\}\)/gs)].flatMap(
    ([, type = '', body = '']) => {
      const text = (key: string): string => new RegExp(`${key}:\\s*'([^']*)'`).exec(body)?.[1] ?? '';
      const labels = /labelNames: \[([^\]]*)\]/.exec(body)?.[1] ?? '';
      const name = text('name');
      const found = [...labels.matchAll(/'([^']*)'/g)].map(([, label = '']) => label);
      return name ? [{ name, type: type.toLowerCase(), help: text('help'), labels: found }] : [];
    },
  );
}

/** docs/reference/metrics.md: the metrics by name. */
export function metricsPage(page: string, metrics: readonly Metric[]): string {
  const rows = metrics
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`);
  return withTable(page, ['| Metric | Type | Labels | Meaning |', '|---|---|---|---|', ...rows]);
}

/** A page of a program: what `--help` prints. */
export function usagePage(page: string, usage: string): string {
  return withTable(page, ['```text', usage.trimEnd(), '```']);
}
