import { constants } from 'node:os';
import { expect } from 'chai';
import { errnoName } from './errors.ts';

describe('names of errnos', () => {
  it('are those of the kernel, where libuv has others', () => {
    for (const name of ['EOPNOTSUPP', 'EEXIST', 'ENODEV', 'EADDRNOTAVAIL', 'EAGAIN', 'EAFNOSUPPORT'] as const) {
      expect(errnoName(constants.errno[name])).to.equal(name);
    }
    expect(errnoName(524)).to.equal('E524');
  });
});
