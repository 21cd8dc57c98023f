import { join } from 'node:path';
import { expect } from 'chai';
import ts from 'typescript';
import { root } from './cluster.ts';
import { readCrds, ruledKinds, type Schema, schemaOf, walk, withRules } from './schemas.ts';

/** Fields that are accepted for the sake of objects that others wrote, and that no code of ours knows. */
const foreign = new Set(['HostInterface.status.stat']);

/** The type of each kind in core/api/types.ts. */
const typeNames = new Map([
  ['MultiNicNetwork', ['MultiNicNetworkSpec', 'MultiNicNetworkStatus']],
  ['HostInterface', ['HostInterfaceSpec', 'HostInterfaceStatus']],
  ['CIDR', ['CidrSpec']],
  ['IPPool', ['IPPoolSpec', 'IPPoolStatus']],
  ['DeviceClass', ['DeviceClassSpec']],
]);

describe('Schemas', () => {
  const crds = readCrds();

  it('there are five kinds, cluster-scoped, with a status subresource', () => {
    expect([...crds.keys()].sort()).to.deep.equal([...typeNames.keys()].sort());
    for (const crd of crds.values()) {
      expect(crd.spec.scope).to.equal('Cluster');
      expect(crd.spec.versions.map(version => version.name)).to.deep.equal(['v1']);
      expect(crd.spec.versions[0]!.subresources).to.have.property('status');
    }
  });

  it('every field and every column has a description', () => {
    const missing: string[] = [];
    for (const [kind, crd] of crds) {
      for (const [path, schema] of walk(schemaOf(crd), kind)) if (!schema.description) missing.push(path);
      for (const column of crd.spec.versions[0]!.additionalPrinterColumns) {
        if (!column.description) missing.push(`${kind} column ${column.name}`);
      }
    }
    expect(missing).to.deep.equal([]);
  });

  it('every column shows a field that exists', () => {
    for (const [kind, crd] of crds) {
      const paths = new Set([...walk(schemaOf(crd), '')].map(([path]) => path));
      for (const { name, jsonPath } of crd.spec.versions[0]!.additionalPrinterColumns) {
        if (jsonPath.startsWith('.metadata.')) continue;
        const path = jsonPath.replaceAll(/\[[^\]]*\]/g, '[]').replace(/(?<=\.args)\.\w+$/, '{}');
        expect(paths.has(path), `${kind} column ${name}: ${jsonPath}`).to.equal(true);
      }
    }
  });

  it('no default is an empty string, which API servers built with a Go newer than their time refuse', () => {
    for (const [kind, crd] of crds)
      for (const [path, schema] of walk(schemaOf(crd), kind)) expect(schema.default, path).not.to.equal('');
  });

  it('core/api/types.ts says the same', () => {
    const file = join(root, 'core/api/types.ts');
    const program = ts.createProgram([file], { strict: true, allowImportingTsExtensions: true, noEmit: true });
    const types = new Types(program, file);
    for (const [kind, crd] of crds) {
      const [spec, status] = typeNames.get(kind)!;
      types.compare(schemaOf(crd).properties!.spec!, types.named(spec!), `${kind}.spec`);
      if (status) types.compare(schemaOf(crd).properties!.status!, types.named(status), `${kind}.status`);
    }
    expect(types.differences).to.deep.equal([]);
  });

  describe('rules in CEL, for current API servers', () => {
    for (const kind of ruledKinds.keys()) {
      it(`${kind}: the patch fits the schema and names only its fields`, () => {
        const patched = withRules(kind);
        const ruled = [...walk(schemaOf(patched), '')].filter(([, schema]) => schema['x-kubernetes-validations']);
        expect(ruled).to.have.length(1);
        const [[path, schema]] = ruled as [[string, Schema]];
        for (const { rule, message } of schema['x-kubernetes-validations']!) {
          expect(message).to.match(/^\S.*[^.\n]$/);
          for (const [, field = ''] of rule.matchAll(/\b(?:self|oldSelf)\.(\w+)/g)) {
            if (path !== '' || field !== 'metadata') expect(schema.properties, rule).to.have.property(field);
          }
        }
      });
    }
  });
});

/** Compares types of a TypeScript file with schemas. */
class Types {
  readonly differences: string[] = [];
  readonly #checker: ts.TypeChecker;
  readonly #module: ts.Symbol;

  constructor(program: ts.Program, file: string) {
    this.#checker = program.getTypeChecker();
    this.#module = this.#checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
  }

  named(name: string): ts.Type {
    const symbol = this.#checker.getExportsOfModule(this.#module).find(each => each.name === name);
    if (!symbol) throw new Error(`core/api/types.ts has no ${name}`);
    return this.#checker.getDeclaredTypeOfSymbol(symbol);
  }

  compare(schema: Schema, given: ts.Type, path: string): void {
    const type = this.#checker.getNonNullableType(given);
    const values = literals(type);
    const kind = this.#kindOf(type);
    if (values) this.#expect(path, [...(schema.enum ?? [])].sort().join('|'), values.sort().join('|'));
    else if (kind !== 'number' || schema.type !== 'integer') this.#expect(path, schema.type, kind);
    if (schema.items) this.compare(schema.items, this.#element(type), `${path}[]`);
    if (schema.additionalProperties) this.compare(schema.additionalProperties, this.#valueOf(type), `${path}{}`);
    if (schema.properties) this.#compareProperties(schema, type, path);
  }

  #compareProperties(schema: Schema, type: ts.Type, path: string): void {
    const properties = new Map(type.getProperties().map(property => [property.name, property]));
    const described = Object.entries(schema.properties!).filter(([name]) => !foreign.has(`${path}.${name}`));
    this.#expect(
      path,
      described
        .map(([name]) => name)
        .sort()
        .join(),
      [...properties.keys()].sort().join(),
    );
    for (const [name, property] of described) {
      const symbol = properties.get(name);
      if (!symbol) continue;
      this.#compareRequired(schema, name, (symbol.flags & ts.SymbolFlags.Optional) !== 0, path);
      this.compare(property, this.#checker.getTypeOfSymbol(symbol), `${path}.${name}`);
    }
  }

  /** A field that code may rely on is required or has a default; a status may be written in parts, so there it may be neither. */
  #compareRequired(schema: Schema, name: string, optional: boolean, path: string): void {
    const required = schema.required?.includes(name) ?? false;
    const given = required || schema.properties![name]!.default !== undefined;
    if (optional && required) this.differences.push(`${path}.${name}: required by the schema, optional in the type`);
    if (!optional && !given && !path.endsWith('.status')) {
      this.differences.push(`${path}.${name}: optional in the schema, required by the type`);
    }
  }

  #kindOf(type: ts.Type): string {
    if (this.#checker.isArrayType(type)) return 'array';
    if (type.flags & ts.TypeFlags.StringLike) return 'string';
    if (type.flags & ts.TypeFlags.NumberLike) return 'number';
    if (type.flags & ts.TypeFlags.BooleanLike) return 'boolean';
    return 'object';
  }

  #element(type: ts.Type): ts.Type {
    return this.#checker.getTypeArguments(type as ts.TypeReference)[0]!;
  }

  #valueOf(type: ts.Type): ts.Type {
    return this.#checker.getIndexTypeOfType(type, ts.IndexKind.String)!;
  }

  #expect(path: string, schema: string, type: string): void {
    if (schema !== type) this.differences.push(`${path}: ${schema} in the schema, ${type} in the type`);
  }
}

/** The values of a union of string literals; undefined for any other type. */
function literals(type: ts.Type): string[] | undefined {
  if (!type.isUnion() || !type.types.every(each => each.isStringLiteral())) return undefined;
  return type.types.map(each => each.value);
}
