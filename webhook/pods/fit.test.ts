import { expect } from 'chai';
import { readNetwork } from '../../core/network/network.ts';
import { candidatesOf } from '../../core/selection/candidates.ts';
import { checkAnyNodeFits } from './fit.ts';

const network = readNetwork({
  apiVersion: 'multinic.fms.io/v1',
  kind: 'MultiNicNetwork',
  metadata: { name: 'net' },
  spec: {
    subnet: '10.200.0.0/16',
    ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 6, interfaceBlock: 2 }),
    plugin: { cniVersion: '1.0.0', type: 'ipvlan' },
  },
});

describe('checkAnyNodeFits', () => {
  const fits = (...nics: number[]) => {
    const hosts = nics.map((count, i) => ({
      apiVersion: 'multinic.fms.io/v1',
      kind: 'HostInterface',
      metadata: { name: `n-${i}` },
      spec: {
        hostName: `n-${i}`,
        interfaces: Array.from({ length: count }, (_, n) => ({
          interfaceName: `eth${n}`,
          netAddress: `172.20.${n}.0/24`,
        })),
      },
    }));
    const profiles = hosts.map(({ spec }) => ({
      members: candidatesOf(network, spec),
      hosts: new Set([spec.hostName]),
    }));
    return checkAnyNodeFits(network, { count: 2 }, profiles);
  };

  it('is content with one node', () => {
    expect(fits(1, 2)).to.deep.equal([]);
  });

  it('says what nodes lack', () => {
    expect(() => fits(1, 1)).to.throw('MNN_NO_NODE_FITS: network net: no node can serve the pod: n-0, n-1 lack');
  });

  it('warns where no node is known yet: pods wait for one, and a cluster that starts has pods before it has agents', () => {
    expect(fits()).to.deep.equal(['network net: there is no HostInterface yet, so the pod waits for a node']);
  });
});
