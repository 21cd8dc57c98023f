import { expect } from 'chai';
import { gatewayWarnings } from './gatewayWarnings.ts';

describe('warnings of gateways', () => {
  const warningsOf = (...gateways: string[]) => gatewayWarnings({ name: 'net', 'default-route': gateways });

  it('are given where Multus would refuse the pod: several of one family', () => {
    for (const several of [
      ['10.0.0.1', '10.0.0.2'],
      ['10.0.0.1', 'fd00::1', 'fd00::2'],
    ]) {
      expect(warningsOf(...several)).to.deep.equal([
        'the element for network net has several gateways of a family in default-route, with which Multus starts no pod: name one (MNN_NETWORKS_ANNOTATION_INVALID)',
      ]);
    }
    for (const fine of [[], ['10.0.0.1'], ['10.0.0.1', 'fd00::1']]) expect(warningsOf(...fine)).to.deep.equal([]);
    expect(gatewayWarnings({ name: 'net' })).to.deep.equal([]);
  });
});
