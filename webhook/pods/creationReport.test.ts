import { expect } from 'chai';
import { withAttachments } from '../../core/annotation/attachments.ts';
import { formatNetworks } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import { droppedWarnings } from './creationReport.ts';

describe('warnings of attachments that came with a pod', () => {
  const train = (address: string) =>
    withAttachments({ name: 'train' }, [{ netAddress: '172.20.1.0/24', addresses: [address] }]);
  const warningsOf = (reserved: string | undefined, ...after: ReturnType<typeof train>[]) => {
    const networks = formatNetworks([{ name: 'foreign' }, train('10.0.0.1/24')]);
    const annotations = { [annotation.networks]: networks, ...(reserved && { [annotation.reservation]: reserved }) };
    const facts = { namespace: 'ns', labels: {}, annotations, hostNetwork: false };
    return droppedWarnings(facts, [{ name: 'foreign' }, ...after], 'granted');
  };

  it('say that they were another pod’s, unless they were granted again', () => {
    const dropped = ["network train: the attachments that came with the pod were dropped; they are another pod's"];
    expect(warningsOf(undefined, train('10.0.0.2/24'))).to.deep.equal(dropped);
    expect(warningsOf('of-another', train('10.0.0.2/24'))).to.deep.equal(dropped);
    expect(warningsOf('of-another', train('10.0.0.1/24'))).to.deep.equal([]);
  });

  it('are none where it has them from the round before, and somebody moved its networks since', () => {
    expect(warningsOf('granted', train('10.0.0.2/24'))).to.deep.equal([]);
  });
});
