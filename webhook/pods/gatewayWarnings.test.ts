import { expect } from 'chai';
import { gatewayWarnings } from './gatewayWarnings.ts';

describe('warnings of gateways', () => {
  const warningsOn = (type: string, gateways: string[]) =>
    gatewayWarnings(
      { name: 'net', spec: { plugin: { cniVersion: '1.0.0', type } } },
      { name: 'net', 'default-route': gateways },
    );
  const warningsOf = (...gateways: string[]) => warningsOn('macvlan', gateways);

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
    expect(warningsOf()).to.deep.equal([]);
  });

  it('are given where they are no neighbours, as on ptp links, but for IPv6 the host itself', () => {
    for (const gateways of [['10.0.0.1'], ['fd00::1'], ['fe80::1', '169.254.1.1']]) {
      expect(warningsOn('ptp', gateways)).to.deep.equal([
        'the element for network net has a gateway in default-route that is no neighbour, as the type is ptp, with which Multus starts no pod (MNN_GATEWAY_UNREACHABLE)',
      ]);
    }
    expect(warningsOn('ptp', ['fe80::1'])).to.deep.equal([]);
    expect(warningsOn('ptp', [])).to.deep.equal([]);
  });
});
