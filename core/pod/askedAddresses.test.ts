import { expect } from 'chai';
import { readNetwork } from '../network/network.ts';
import { checkAskedAddresses } from './askedAddresses.ts';

describe('what a pod asks of a network with ips and default-route', () => {
  const networkOf = (ipam: object, type = 'macvlan', subnet = '') =>
    readNetwork({
      apiVersion: 'multinic.fms.io/v1',
      kind: 'MultiNicNetwork',
      metadata: { name: 'net' },
      spec: { subnet, ipam: JSON.stringify(ipam), plugin: { cniVersion: '1.0.0', type } },
    });
  const check = (network: ReturnType<typeof networkOf>, asked: { ips?: string[]; gateways?: string[] }) => () => {
    checkAskedAddresses(network, { ips: [], gateways: [], ...asked });
  };
  const ownAddresses = (more: object = {}) =>
    networkOf(
      { type: 'multi-nic-ipam', hostBlock: 6, interfaceBlock: 2, ...more },
      'macvlan',
      '10.20.0.0/16,fd00:20::/64',
    );

  it("is refused where the addresses are the host's: they cannot be others", () => {
    const network = networkOf({ type: 'host-device-ipam' }, 'host-device');
    expect(check(network, { ips: ['192.0.2.7/24'] })).to.throw(
      'MNN_NO_ADDRESSES: the pod asks for ips 192.0.2.7/24 in network net, whose pods have the addresses that the host has on the NIC',
    );
    expect(check(network, { gateways: ['192.0.2.1'] })).not.to.throw();
  });

  it('is refused without a prefix length where nothing else says it', () => {
    const multiConfig = networkOf({ type: 'multi-config', ipam_type: 'whereabouts', args: { eth1: {} } });
    for (const network of [multiConfig, networkOf({ type: 'static' })]) {
      expect(check(network, { ips: ['192.0.2.7/24', '192.0.2.8'] })).to.throw(
        'MNN_CIDR_INVALID: network net: the address 192.0.2.8 that the pod asks for needs a prefix length, as in 192.0.2.8/24',
      );
      expect(check(network, { ips: ['192.0.2.7/24', 'fd00::7/64'] })).not.to.throw();
    }
    for (const network of [ownAddresses(), networkOf({ type: 'whereabouts', range: '192.0.2.0/24' })]) {
      expect(check(network, { ips: ['10.20.0.7'] })).not.to.throw();
    }
  });

  it('is refused outside of the subnet, where that is all that can be known before the node: its NICs may be asked for by name', () => {
    const pages = ownAddresses({ hostBlock: 0 });
    for (const ip of ['10.21.0.1', 'fd00:21::1', '::ffff:10.20.0.1']) {
      expect(check(pages, { ips: ['10.20.0.1', ip] })).to.throw(
        `MNN_ADDRESS_OUTSIDE: the pod asks for ${ip} in network net, which is not in its spec.subnet`,
      );
    }
    expect(check(pages, { ips: ['10.20.0.1', 'fd00:20::1'] })).not.to.throw();
    const ofHosts = networkOf({ type: 'multi-nic-ipam', hostBlock: 0 });
    expect(check(ofHosts, { ips: ['10.21.0.1'] })).not.to.throw();
  });

  it('is refused if no interface can reach the gateway', () => {
    const network = ownAddresses();
    for (const gateway of ['192.0.2.1', 'fd00:21::1']) {
      expect(check(network, { gateways: ['10.20.0.1', gateway] })).to.throw(
        `MNN_GATEWAY_UNREACHABLE: network net: default-route ${gateway} is not in 10.20.0.0/16,fd00:20::/64`,
      );
    }
    expect(check(network, { gateways: ['10.20.0.1', 'fd00:20::1'] })).not.to.throw();
    expect(check(network, { gateways: ['fe80::1'] })).not.to.throw();
    const routed = ownAddresses({ routes: [{ dst: '192.0.2.1/32' }, { dst: '198.51.100.0/24', gw: '10.20.0.1' }] });
    expect(check(routed, { gateways: ['192.0.2.1'] })).not.to.throw();
    expect(check(routed, { gateways: ['198.51.100.1'] })).to.throw('MNN_GATEWAY_UNREACHABLE');
    const ofHosts = networkOf({ type: 'multi-nic-ipam', hostBlock: 6 });
    for (const other of [ofHosts, networkOf({ type: 'static' })])
      expect(check(other, { gateways: ['192.0.2.1'] })).not.to.throw();
  });
});
