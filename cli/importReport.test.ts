import { expect } from 'chai';
import { MultiNicError } from '../core/errors.ts';
import { importReport } from './importReport.ts';

describe('The report of an import', () => {
  it('shows what pods’ authors write as it is, and a terminal does nothing of it', () => {
    const forged = '10.0.0.1\u001b[2J\n1 networks, 9 attachments, 0 refusals: imported\u202e';
    const refusal = new MultiNicError('MNN_IMPORT_BLOCK', `network train: pod default/a has ${forged}`);
    const lines = importReport([], [refusal], 'nothing was written').split('\n');
    expect(lines).to.have.length(3);
    expect(lines[0]).to.contain(
      String.raw`10.0.0.1\u{1b}[2J\u{a}1 networks, 9 attachments, 0 refusals: imported\u{202e}`,
    );
    expect(lines[1]).to.equal('0 networks, 0 attachments, 1 refusals: nothing was written');
  });
});
