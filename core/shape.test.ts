import { expect } from 'chai';
import { flag, listOf, mapOf, objectOf, orNull, quantity, type Shape, text, upTo } from './shape.ts';

const shape = objectOf(
  { name: text, ready: flag, labels: orNull(mapOf(text)), items: listOf(objectOf({ size: quantity }, ['size'])) },
  ['name'],
);

describe('a shape', () => {
  const cases: [what: string, value: unknown, fault: string | undefined][] = [
    ['the least', { name: 'x' }, undefined],
    ['all', { name: 'x', ready: false, labels: { a: 'b' }, items: [{ size: 1 }, { size: '2Gi' }], more: 7 }, undefined],
    ['nil maps', { name: 'x', labels: null }, undefined],
    ['no object', 'x', 'it is not an object'],
    ['a list', [], 'it is not an object'],
    ['null', null, 'it is not an object'],
    ['without what is needed', {}, 'it has no name'],
    ['null for what is needed', { name: null }, 'it has no name'],
    ['a number for text', { name: 1 }, 'it.name is not a string'],
    ['text for a boolean', { name: 'x', ready: 'true' }, 'it.ready is not a boolean'],
    ['a map of others', { name: 'x', labels: { 'a.b/c': 1 } }, 'it.labels["a.b/c"] is not a string'],
    ['no list', { name: 'x', items: {} }, 'it.items is not a list'],
    ['null in a list', { name: 'x', items: [{ size: 1 }, null] }, 'it.items[1] is not an object'],
    ['deep inside', { name: 'x', items: [{ size: [] }] }, 'it.items[0].size is not a quantity'],
  ];
  for (const [what, value, fault] of cases) {
    it(`says of ${what}: ${fault ?? 'nothing'}`, () => {
      expect((shape satisfies Shape)(value, 'it')).to.equal(fault);
    });
  }

  it('says what is longer than it may be before it looks into it', () => {
    const few = upTo(2, listOf(text));
    expect(few(['a', 'b'], 'it')).to.equal(undefined);
    expect(few(['a', 'b', 1], 'it')).to.equal('it is longer than 2');
    expect(upTo(2, text)('abc', 'it')).to.equal('it is longer than 2');
    expect(upTo(1, mapOf(text))({ a: 'x', b: 'y' }, 'it')).to.equal('it is longer than 1');
    expect(upTo(1, flag)(5, 'it')).to.equal('it is not a boolean');
  });

  it('takes a key like any other', () => {
    expect(mapOf(text)(JSON.parse('{"__proto__": 1}'), 'it')).to.equal('it["__proto__"] is not a string');
  });
});
