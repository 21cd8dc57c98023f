import { expect } from 'chai';
import { defined } from './defined.ts';

describe('defined', () => {
  it('leaves out fields that are undefined, and no others', () => {
    const fields: { name: string; count: number | undefined; none: null; zero: number; text: string | undefined } = {
      ...{ name: 'a', count: undefined, none: null, zero: 0, text: '' },
    };
    const found: { name: string; count?: number; none: null; zero: number; text?: string } = defined(fields);
    expect(Object.entries(found)).to.deep.equal([
      ['name', 'a'],
      ['none', null],
      ['zero', 0],
      ['text', ''],
    ]);
  });
});
