import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { overlays } from '../../build/manifests.ts';
import { systemNamespace } from '../../core/api/names.ts';
import { kustomizationsIn, kustomize } from '../system/kustomize.ts';
import { root } from './cluster.ts';

const guide = readFileSync(join(root, 'docs/guides/install.md'), 'utf8');
const components = ['monitoring', 'node-isolation'].map(name => `  - manifests/components/${name}`);

interface ManifestObject {
  kind: string;
  metadata: { name: string; namespace?: string };
}

/** Of the whole cluster, which kustomize does not know: the API server forgets the namespace that it gives them. */
const ofCluster = /^(ValidatingAdmissionPolicy|FlowSchema|PriorityLevelConfiguration|SecurityContextConstraints)/;

function objectsIn(yaml: string): ManifestObject[] {
  const objects = parseAllDocuments(yaml).map(document => document.toJS() as ManifestObject);
  for (const { kind, metadata } of objects) if (ofCluster.test(kind)) delete metadata.namespace;
  return objects;
}

describe('Another namespace', function () {
  this.timeout(60_000);
  const shown = kustomizationsIn(guide).find(text => text.startsWith('namespace:')) ?? '';

  for (const overlay of overlays()) {
    it(`${overlay}: the guide's kustomization changes each field that names the namespace, and no other`, async () => {
      const moved = shown.replace('overlays/chained', `overlays/${overlay}`);
      const [, namespace = ''] = /^namespace: (\S+)$/m.exec(moved) ?? [];
      const resources = /^resources:\n(?: .*\n)+/m.exec(moved)?.[0] ?? '';
      const also = ['components:', ...components].join('\n');
      const expected = (await kustomize(`${resources}${also}\n`)).replaceAll(systemNamespace, namespace);
      expect(expected).to.contain(namespace);
      // Not in the same order: kustomize sorts by namespaces, too.
      expect(objectsIn(await kustomize(`${moved}${also}\n`))).to.have.deep.members(objectsIn(expected));
    });
  }
});
