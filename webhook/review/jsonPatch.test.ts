import { expect } from 'chai';
import fc from 'fast-check';
import jsonpatch from 'jsonpatch';
import { pointer, removeEntry, setEntries } from './jsonPatch.ts';

const key = fc.oneof(
  // no name of an annotation, and no key that the other implementation can set
  fc.string({ minLength: 1 }).filter(text => text !== '__proto__'),
  fc.constantFrom('a/b', 'a~b', '~1', '~0/', 'multinic.fms.io/x'),
);
const map = fc.dictionary(key, fc.string(), { noNullPrototype: true });
const absentOr = fc.option(map, { freq: 3, nil: undefined });

describe('JSON patches', () => {
  it('escape what a pointer cannot hold', () => {
    expect(pointer('metadata', 'annotations', 'a/b~c', 0)).to.equal('/metadata/annotations/a~1b~0c/0');
  });

  it('set entries of a map and leave the others, whether there is a map or not', () => {
    fc.assert(
      fc.property(absentOr, map, (before, entries) => {
        const document = before === undefined ? { m: {} } : { m: { x: before } };
        const after = jsonpatch.apply_patch<{ m: { x?: object } }>(document, setEntries(['m', 'x'], before, entries));
        const expected = { ...before, ...entries };
        expect(after.m.x ?? {}).to.deep.equal(expected);
        expect(setEntries(['m', 'x'], expected, entries)).to.deep.equal([]);
      }),
    );
  });

  it('remove an entry only where it is', () => {
    fc.assert(
      fc.property(map, key, (before, name) => {
        const expected = Object.fromEntries(Object.entries(before).filter(([other]) => other !== name));
        const after = jsonpatch.apply_patch({ m: before }, removeEntry(['m'], before, name));
        expect(after).to.deep.equal({ m: expected });
      }),
    );
    expect(removeEntry(['m'], null, 'x')).to.deep.equal([]);
  });
});
