import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import jsonpatch from 'jsonpatch';
import { parse } from 'yaml';
import { root } from './cluster.ts';

/** The part of apiextensions.k8s.io/v1 JSONSchemaProps that our schemas use. */
export interface Schema {
  type: string;
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
  required?: string[];
  enum?: string[];
  default?: unknown;
  pattern?: string;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-validations'?: { rule: string; message: string }[];
}

export interface Crd {
  metadata: { name: string };
  spec: {
    names: { kind: string; plural: string; shortNames?: string[] };
    scope: string;
    versions: {
      name: string;
      subresources: { status: object };
      additionalPrinterColumns: { name: string; jsonPath: string; description?: string }[];
      schema: { openAPIV3Schema: Schema };
    }[];
  };
}

const crdFolder = join(root, 'manifests/base/crds');

/** The CustomResourceDefinitions of manifests/base, by kind. */
export function readCrds(): Map<string, Crd> {
  const crds = readdirSync(crdFolder).map(file => parse(readFileSync(join(crdFolder, file), 'utf8')) as Crd);
  return new Map(crds.map(crd => [crd.spec.names.kind, crd]));
}

/** The schema of a kind's only version. */
export function schemaOf(crd: Crd): Schema {
  return crd.spec.versions[0]!.schema.openAPIV3Schema;
}

/** Every schema below this one, with the path that kubectl explain takes (lists and maps add nothing to it). */
export function* walk(schema: Schema, path: string): Generator<[path: string, schema: Schema]> {
  yield [path, schema];
  for (const [name, property] of Object.entries(schema.properties ?? {})) yield* walk(property, `${path}.${name}`);
  if (schema.items) yield* walk(schema.items, `${path}[]`);
  if (schema.additionalProperties) yield* walk(schema.additionalProperties, `${path}{}`);
}

/** The kinds that components/current adds rules in CEL to, and its patches. */
export const ruledKinds = new Map([
  ['MultiNicNetwork', 'multinicnetworks.yaml'],
  ['CIDR', 'cidrs.yaml'],
  ['IPPool', 'ippools.yaml'],
]);

const currentComponent = join(root, 'manifests/components/current');

/** A kind's definition with its rules, patched as kustomize does. */
export function withRules(kind: string): Crd {
  const patch = parse(readFileSync(join(currentComponent, ruledKinds.get(kind)!), 'utf8')) as object[];
  return jsonpatch.apply_patch<Crd>(structuredClone(readCrds().get(kind)!), patch);
}
