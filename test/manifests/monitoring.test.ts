import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { renderingKubectl } from '../../build/kubectl.ts';
import { run } from '../../build/run.ts';
import { metricsIn } from '../../docs/tables.ts';
import { applyManifests } from '../system/apply.ts';
import { followGuide } from '../system/guide.ts';
import { root, useSchemaCluster } from './cluster.ts';

interface Panel {
  id: number;
  title: string;
  description?: string;
  gridPos: Record<'x' | 'y' | 'w' | 'h', number>;
  targets: { expr: string }[];
}

const folder = join(root, 'manifests/components/monitoring');

function readPanels(): Panel[] {
  return (JSON.parse(readFileSync(join(folder, 'dashboard.json'), 'utf8')) as { panels: Panel[] }).panels;
}

describe('Monitoring', function () {
  this.timeout(120_000);
  const cluster = useSchemaCluster();

  before(async () => {
    await applyManifests(cluster(), 'test/manifests/foreignCrds.yaml');
  });

  it('applies to an installation that is there already', async () => {
    await cluster().kubectl(['apply', '-f', join(root, 'manifests/base/namespace.yaml')]);
    await followGuide(cluster(), 'install: monitoring');
    const { stdout: input } = await run([await renderingKubectl(), 'kustomize', folder]);
    await cluster().kubectl(['delete', '-f', '-'], { input });
  });

  it('alerts and the dashboard name metrics and labels that there are', () => {
    const sources = globSync('{kube,webhook,controller,agent}/**/*.ts', { cwd: root });
    const metrics = sources.flatMap(path => metricsIn(readFileSync(join(root, path), 'utf8')));
    const known = new Map(metrics.map(({ name, labels }) => [name, labels]));
    const { spec } = parse(readFileSync(join(folder, 'rules.yaml'), 'utf8')) as {
      spec: { groups: { rules: { alert: string; expr: string }[] }[] };
    };
    const rules = spec.groups.flatMap(group => group.rules).map(({ alert, expr }) => [alert, expr] as const);
    const shown = readPanels().flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));
    expect(rules.length).to.be.greaterThan(5);
    expect(shown.length).to.be.greaterThan(5);
    // Prometheus has these of where it scrapes, and `le` of a histogram.
    const added = ['job', 'pod', 'node', 'le'];
    for (const [where, expr] of [...rules, ...shown]) {
      const labels = [...added];
      for (const [, name = '', selector = ''] of expr.matchAll(/\b(multinic_\w+)(?:\{([^}]*)\})?/g)) {
        const metric = known.has(name) ? name : name.replace(/_(bucket|count|sum)$/, '');
        expect([...known.keys()], `${where}: ${name}`).to.include(metric);
        labels.push(...known.get(metric)!);
        for (const [, label] of selector.matchAll(/(\w+)\s*(?:=|!=|=~|!~)/g)) {
          expect([...known.get(metric)!, 'job'], `${where}: ${name}`).to.include(label);
        }
      }
      for (const [, by = ''] of expr.matchAll(/\bby \(([^)]*)\)/g)) {
        expect(labels, `${where}: ${expr}`).to.include.members(by.split(', '));
      }
    }
  });

  it('the dashboard says of each panel what it means, and no panel covers another', () => {
    const panels = readPanels();
    expect(panels.filter(({ description }) => !description)).to.deep.equal([]);
    expect(new Set(panels.map(({ id }) => id)).size).to.equal(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).to.equal(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).to.equal(24);
  });
});
