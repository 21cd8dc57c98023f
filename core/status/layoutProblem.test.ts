import { expect } from 'chai';
import { network } from '../../test/core/surveyed.ts';
import { layoutProblem } from './layoutProblem.ts';

describe('layoutProblem', () => {
  it('says how many bits are missing', () => {
    expect(layoutProblem(network())).to.equal(undefined);
    expect(layoutProblem(network({ hostBlock: 20 })))
      .to.contain('needs 6 bits more')
      .and.contain('MNN_CAPACITY');
  });
});
