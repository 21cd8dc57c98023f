import { expect } from 'chai';
import type { AuditFinding } from '../core/audit/types.ts';
import { tableReport } from './report.ts';

describe('The report of an audit', () => {
  it('says what to do about what it does not tell, also where nothing that it could tell was left', () => {
    const last = (...findings: AuditFinding[]): string | undefined =>
      tableReport({ findings, more: 7 }).trimEnd().split('\n').at(-1);
    const leak: AuditFinding = { kind: 'leak', network: 'net', objects: ['pod default/a'], message: 'its pod is gone' };
    expect(last(leak)).to.equal('7 more were seen and are not told: mend these, and audit again');
    expect(last()).to.equal('7 more were seen and are not told: audit again');
  });
});
