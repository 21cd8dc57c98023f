import { globSync } from 'node:fs';
import { dirname, relative } from 'node:path';

export interface Suite {
  /** `unit`, or the name of a folder of test/. */
  name: string;
  files: readonly string[];
}

/** Started first, as they last longest: minutes, where others last seconds. */
const longest = ['agent', 'e2e', 'faults', 'allocation', 'uml'];

/** The tests of the repository, by what they share: a folder of test/ has clusters of its own, and unit tests share nothing. */
export function suites(repository: string): Suite[] {
  const found = new Map<string, string[]>();
  const all = globSync('**/*.test.ts', { cwd: repository, exclude: name => /(^|\/)(node_modules|dist)$/.test(name) });
  for (const file of all.toSorted()) {
    const name = file.startsWith('test/') ? relative('test', dirname(file)) : 'unit';
    found.set(name, [...(found.get(name) ?? []), file]);
  }
  const rank = ({ name }: Suite): number => (longest.includes(name) ? longest.indexOf(name) : longest.length);
  return [...found].map(([name, files]) => ({ name, files })).sort((a, b) => rank(a) - rank(b));
}
