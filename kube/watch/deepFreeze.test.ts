import { expect } from 'chai';
import { deepFreeze } from './deepFreeze.ts';

describe('deepFreeze', () => {
  it('refuses changes at any depth', () => {
    const object = deepFreeze({ metadata: { labels: { a: 'b' } }, list: [{ x: 1 }] });
    expect(() => (object.metadata.labels.a = 'c')).to.throw(TypeError);
    expect(() => object.list.push({ x: 2 })).to.throw(TypeError);
    expect(() => (object.list[0]!.x = 2)).to.throw(TypeError);
  });
});
