import { existsSync, globSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import { annotation, bandwidthResourceName, extendedResourceName, label, nicCountLabel } from '../../core/api/names.ts';
import { errorTable } from '../../core/errors.ts';
import { capacityOf, type Layout, podCidr, vlanCidr } from '../../core/layout/layout.ts';
import { formatCidr, parseCidr } from '../../core/net/cidr.ts';
import { generatedPages } from '../../docs/pages.ts';
import { causes, metricsIn } from '../../docs/tables.ts';
import { blocks, pages, read, shellBlocks } from '../system/pages.ts';
import { root, useSchemaCluster } from './cluster.ts';
import { readCrds, schemaOf, walk } from './schemas.ts';

/** The body rows of the Markdown table under the header, by cell. */
function table(path: string, header: string): string[][] {
  const [, rest = ''] = read(path).split(`${header}\n`);
  const rows = rest.split('\n').slice(1);
  return rows.slice(0, rows.indexOf('')).map(row =>
    row
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  );
}

describe('Documentation', () => {
  const cluster = useSchemaCluster();

  it('tables that follow from the code are up to date (node docs/generate.ts)', () => {
    for (const [path, text] of generatedPages()) expect(read(path), path).to.equal(text);
  });

  it('every error code has its cause', () => {
    const known = causes(read('docs/reference/errors.md'));
    expect([...known.keys()]).to.deep.equal(Object.keys(errorTable));
    expect([...known].filter(([, cause]) => cause === '').map(([code]) => code)).to.deep.equal([]);
  });

  it('codes and files that the pages and the advice of errors name exist', () => {
    const texts = [...pages.map(path => [path, read(path)] as const), ...Object.entries(errorTable)];
    for (const [where, text] of texts) {
      for (const [code] of text.matchAll(/MNN_[A-Z_0-9]+/g)) expect(errorTable, where).to.have.property(code);
      for (const [path] of text.matchAll(/(?<![\w/.-])(?:docs|manifests|test)\/[\w/.-]*\w/g)) {
        expect(existsSync(join(root, path)), `${where}: ${path}`).to.equal(true);
      }
    }
  });

  it('metrics are read from source text', () => {
    const source =
      "new Counter({\n    name: 'a_total',\n    help: 'A.',\n    labelNames: ['x', 'y'],\n    registers,\n  });";
    expect(metricsIn(source)).to.deep.equal([{ name: 'a_total', type: 'counter', help: 'A.', labels: ['x', 'y'] }]);
    expect(metricsIn(read('kube/report/metrics.ts'))).to.have.length.greaterThan(4);
  });

  it('every relative link leads somewhere', () => {
    for (const path of pages) {
      for (const [, target = ''] of read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)) {
        expect(existsSync(join(root, dirname(path), target)), `${path}: ${target}`).to.equal(true);
      }
    }
  });

  it('the map of the code names every folder', () => {
    const [, map = ''] = read('docs/architecture.md').split('## Folders\n');
    const tops = ['core', 'kube', 'certs', 'controller', 'webhook', 'agent', 'cni', 'cli', 'bench'];
    for (const top of [...tops, 'build', 'images', 'manifests', 'test']) expect(map).to.include(`[${top}/](../${top})`);
    for (const top of tops) {
      const [, row = ''] = new RegExp(`^\\| \\[${top}/\\].*\\|(.*)\\|$`, 'm').exec(map) ?? [];
      const named = [...row.matchAll(/(?:^|·) `(\w+)`/g)].map(([, name]) => name);
      const folders = globSync('*/', { cwd: join(root, top) }).map(folder => basename(folder));
      expect(named, top).to.have.members(folders);
    }
  });

  it('every page of docs is linked from another', () => {
    const linked = new Set(
      pages.flatMap(path =>
        [...read(path).matchAll(/\]\(([^)#\s]+\.md)/g)].map(([, target = '']) => join(dirname(path), target)),
      ),
    );
    const alone = pages.filter(path => path.startsWith('docs/') && path !== 'docs/README.md' && !linked.has(path));
    expect(alone).to.deep.equal([]);
  });

  it('every make target in a shell block exists', () => {
    const targets = new Set([...read('Makefile').matchAll(/^([a-z-]+):/gm)].map(([, name]) => name));
    for (const path of pages) {
      for (const text of blocks(path, 'sh|bash|shell|console')) {
        for (const [, target] of text.matchAll(/^\$? *(?:\w+=\S+ )*make ([a-z-]+)/gm)) {
          expect(targets.has(target), `${path}: make ${target}`).to.equal(true);
        }
      }
    }
  });

  it('every shell block is run by a test, or says why not', () => {
    const tests = globSync('test/**/*.ts', { cwd: root }).map(read);
    const ids = new Set<string>();
    for (const path of pages) {
      for (const { text, id, notRun } of shellBlocks(path)) {
        if (notRun !== undefined) continue;
        if (id === undefined) expect.fail(`${path}: neither <!-- run: … --> nor <!-- not run: … --> before: ${text}`);
        expect(ids.has(id), `${path}: another block "${id}"`).to.equal(false);
        ids.add(id);
        expect(
          tests.some(source => source.includes(`'${id}'`)),
          `${path}: a test that runs '${id}'`,
        ).to.equal(true);
      }
    }
    expect(ids.size).to.be.greaterThan(20);
  });

  it('every YAML and JSON block can be read', () => {
    for (const path of pages) {
      for (const text of blocks(path, 'yaml'))
        for (const document of parseAllDocuments(text)) expect(document.errors, path).to.deep.equal([]);
      for (const text of blocks(path, 'json')) expect(() => JSON.parse(text) as unknown, path).not.to.throw();
    }
  });

  it('every manifest in a page is accepted', async () => {
    await cluster().kubectl(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team-a' } }),
    });
    const manifests = pages.flatMap(path =>
      blocks(path, 'yaml').filter(
        text => (parse(text.split('\n---\n')[0] ?? '') as { apiVersion?: string }).apiVersion,
      ),
    );
    expect(manifests).to.have.length.greaterThan(3);
    const input = manifests.join('\n---\n');
    await cluster().kubectl(['apply', '--dry-run=server', '-f', '-'], { input });
  });

  it('the pages of network and status name every field', () => {
    const schema = schemaOf(readCrds().get('MultiNicNetwork')!);
    const leaves = [...walk(schema, '')].filter(([path]) => /^\.spec\.\w+$|^\.spec\.plugin\.\w+$/.test(path));
    for (const [path] of leaves) {
      if (path === '.spec.plugin' || path === '.spec.attachPolicy') continue;
      expect(read('docs/reference/network.md'), path).to.contain(`\`${path.slice(1)}`);
    }
    for (const name of Object.keys(schema.properties!.status!.properties!)) {
      expect(read('docs/reference/status.md'), name).to.match(new RegExp(`^\\| \`${name}`, 'm'));
    }
  });

  it('the page of the other resources names every field that is in their spec', () => {
    const page = read('docs/reference/resources.md');
    for (const kind of ['HostInterface', 'DeviceClass', 'CIDR', 'IPPool']) {
      const fields = [...walk(schemaOf(readCrds().get(kind)!).properties!.spec!, 'spec')];
      for (const [path, { properties, items }] of fields) {
        if (properties || items?.properties || path.endsWith('[]')) continue;
        expect(page, kind).to.contain(`\`${path}`);
      }
    }
  });

  it('the page of status has every event', () => {
    const sources = globSync('{kube,webhook,controller,agent}/**/*.ts', { cwd: root }).filter(
      path => !path.includes('.test.'),
    );
    const recorded = sources.flatMap(path => [...read(path).matchAll(/record\([^;]*?'(?:Normal|Warning)', '(\w+)'/g)]);
    expect(recorded).to.have.length.greaterThan(5);
    for (const [, reason = ''] of recorded) expect(read('docs/reference/status.md')).to.contain(`\`${reason}\``);
  });

  it('the page of annotations has every label, annotation and resource, and no other', () => {
    const keys: string[] = [...Object.values(label), ...Object.values(annotation)];
    for (const name of [extendedResourceName, bandwidthResourceName, nicCountLabel]) keys.push(name('<network>'));
    const rows = read('docs/reference/annotations.md').matchAll(/^\| [^|]+ \| `([^`]+)` \| /gm);
    const written = new Set([...rows].map(([, key]) => key));
    expect([...written]).to.have.members([...new Set(keys)]);
  });

  describe('numbers of "Writing a network"', () => {
    const page = 'docs/guides/writing-a-network.md';
    const layout = (interfaceBits: number, hostBits: number): Layout => ({
      ...{ subnet: parseCidr('10.200.0.0/16'), interfaceBits, hostBits, excludes: [] },
    });

    it('sizes', () => {
      const rows = table(page, '| hostBlock | Hosts | Block per NIC and host | Pods per host |');
      expect(rows).to.have.length(4);
      for (const [bits, hosts, block, pods] of rows) {
        const capacity = capacityOf(layout(2, Number(bits)));
        expect([hosts, block, pods]).to.deep.equal([
          String(capacity.hosts),
          `/${32 - capacity.podBits}`,
          String(capacity.addressesPerBlock),
        ]);
      }
    });

    it('blocks', () => {
      const rows = table(page, '| NIC | Host | Range of the NIC over all hosts | Block |');
      expect(rows).to.have.length(5);
      for (const [nic, host, range, block] of rows) {
        expect(formatCidr(vlanCidr(layout(3, 7), Number(nic))!)).to.equal(range);
        expect(formatCidr(podCidr(layout(3, 7), Number(nic), Number(host))!)).to.equal(block);
      }
    });
  });
});
