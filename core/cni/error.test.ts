import { expect } from 'chai';
import { errorTable, MultiNicError } from '../errors.ts';
import { cniCodes, CniError, cniError, encodeCniError, toCniError } from './error.ts';

describe('core/cni/error', () => {
  it('prints one line with the fields in the order of the specification', () => {
    const error = new CniError(cniCodes.invalidConfig, 'm', 'd');
    expect(encodeCniError(error, '1.0.0')).to.equal('{"cniVersion":"1.0.0","code":7,"msg":"m","details":"d"}\n');
  });

  it('says the code and the advice of the error table in its details', () => {
    const { code, message, details } = cniError(cniCodes.invalidNetns, 'MNN_CNI_NETNS', 'there is none');
    expect([code, message]).to.deep.equal([8, 'there is none']);
    expect(details).to.equal(`MNN_CNI_NETNS: ${errorTable.MNN_CNI_NETNS}`);
  });

  it('keeps CNI errors, reports a full pool or an absent kubelet as "try again", and anything unexpected as internal', () => {
    const own = cniError(cniCodes.invalidNetns, 'MNN_CNI_NETNS', 'there is none');
    expect(toCniError(own)).to.equal(own);
    const full = toCniError(new MultiNicError('MNN_POOL_FULL', 'all 2 are taken'));
    expect([full.code, full.message]).to.deep.equal([11, 'all 2 are taken']);
    expect(full.details).to.contain('MNN_POOL_FULL');
    expect(toCniError(new MultiNicError('MNN_KUBELET_DEVICES', 'it does not answer')).code).to.equal(11);
    for (const code of ['MNN_CLASS_UNKNOWN', 'MNN_OVERLAP', 'MNN_NOT_IMPORTED'] as const)
      expect(toCniError(new MultiNicError(code, 'of this network')).code, code).to.equal(100);
    const other = toCniError(new TypeError('x is not a function'));
    expect([other.code, other.message]).to.deep.equal([999, 'x is not a function']);
    expect(other.cause).to.be.instanceOf(TypeError);
    expect(toCniError('text').message).to.equal('text');
  });
});
