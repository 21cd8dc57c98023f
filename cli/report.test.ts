import { expect } from 'chai';
import type { AuditFinding } from '../core/audit/types.ts';
import { tableReport } from './report.ts';

describe('The report of an audit', () => {
  it('says what to do about what it does not tell, also where nothing that it could tell was left', () => {
    const last = (...findings: AuditFinding[]): string | undefined =>
      tableReport({ findings, more: 7 }).trimEnd().split('\n').at(-1);
    const leak: AuditFinding = { kind: 'leak', network: 'net', objects: ['pod default/a'], message: 'its pod is gone' };
    expect(last(leak)).to.equal('7 more are not listed: fix these, then audit again');
    expect(last()).to.equal('7 more are not listed: audit again');
  });

  it('shows what pods’ authors write as it is, and a terminal does nothing of it', () => {
    const forged = '10.0.0.1\u001b[2J\n0 findings: all is well\u202e';
    const finding: AuditFinding = { kind: 'missing', network: 'net', objects: ['pod default/a'], message: forged };
    const report = tableReport({ findings: [finding], more: 0 });
    expect(report.split('\n')).to.have.length(4);
    expect(report).to.contain(String.raw`10.0.0.1\u{1b}[2J\u{a}0 findings: all is well\u{202e}`);
  });
});
