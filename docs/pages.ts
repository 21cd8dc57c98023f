import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorsPage, metricsIn, metricsPage } from './tables.ts';

const root = join(import.meta.dirname, '..');

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** The pages whose tables follow from the code, with what they should say. */
export function generatedPages(): Map<string, string> {
  const sources = globSync('{kube,webhook,controller,agent,certs}/**/*.ts', { cwd: root });
  const metrics = sources.filter(path => !path.endsWith('.test.ts')).flatMap(path => metricsIn(read(path)));
  const [errors, measured] = ['docs/reference/errors.md', 'docs/reference/metrics.md'];
  return new Map([
    [errors, errorsPage(read(errors))],
    [measured, metricsPage(read(measured), metrics)],
  ]);
}
