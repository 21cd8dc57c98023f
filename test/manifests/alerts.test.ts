import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { run } from '../../build/run.ts';
import { root } from './cluster.ts';
import { promtool } from './promtool.ts';

interface Rules {
  groups: { rules: { alert: string; annotations: Record<string, string> }[] }[];
}
interface Cases {
  tests: { name: string; promql_expr_test: { exp_samples?: { labels: string }[] }[] }[];
}

const cases = join(import.meta.dirname, 'alerts.yaml');

/** For each alert something at which it fires, and something like it at which it does not. */
describe('Alerts', function () {
  this.timeout(300_000);
  const read = <T>(path: string): T => parse(readFileSync(path, 'utf8')) as T;
  const { spec } = read<{ spec: Rules }>(join(root, 'manifests/components/monitoring/rules.yaml'));
  const rules = spec.groups.flatMap(group => group.rules);
  const { tests } = read<Cases>(cases);

  it('fire and stay quiet as promtool expects', async () => {
    const program = await promtool();
    await using folder = await mkdtempDisposable(join(tmpdir(), 'multi-nic-alerts-'));
    writeFileSync(join(folder.path, 'rules.yaml'), stringify(spec));
    copyFileSync(cases, join(folder.path, 'alerts.yaml'));
    await run([program, 'check', 'rules', '--lint-fatal', 'rules.yaml'], { cwd: folder.path });
    await run([program, 'test', 'rules', 'alerts.yaml'], { cwd: folder.path });
  });

  for (const { alert, annotations } of rules) {
    it(`${alert} has cases of both kinds, and its text names labels that it has`, () => {
      const samples = tests
        .filter(({ name }) => name.startsWith(`${alert} `))
        .map(test => test.promql_expr_test.flatMap(({ exp_samples = [] }) => exp_samples.map(({ labels }) => labels)));
      const [fired] = samples.flat().filter(labels => labels.includes(`alertname="${alert}"`));
      expect(fired).to.be.a('string');
      expect(samples.some(labels => labels.length === 0)).to.equal(true);
      for (const [, label] of Object.values(annotations)
        .join(' ')
        .matchAll(/\$labels\.(\w+)/g)) {
        expect(fired).to.include(`${label}="`);
      }
    });
  }
});
