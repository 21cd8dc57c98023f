import { expect } from 'chai';
import { keyOf, refOf } from './types.ts';

describe('keyOf and refOf', () => {
  it('are each other’s inverse, with and without a namespace', () => {
    for (const ref of [{ name: 'node-1' }, { namespace: 'ns', name: 'pod.1' }]) {
      expect(refOf(keyOf(ref))).to.deep.equal(ref);
    }
  });
});
