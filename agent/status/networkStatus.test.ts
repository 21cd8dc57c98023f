import { expect } from 'chai';
import { primaryStatus } from './networkStatus.ts';

describe('The primary network’s element of network-status', () => {
  const ips = [{ address: '10.244.196.152/32', version: '4' }, { address: 'fd10:244::c497/128' }];
  const plain = ['10.244.196.152', 'fd10:244::c497'];

  it('has the addresses of a result that tells only the host’s end, or no interface, as Calico’s and those of older plugins', () => {
    for (const interfaces of [[{ name: 'cali05f4a1849c5' }], [{ name: 'cali05f4a1849c5', sandbox: '' }], [], null]) {
      const status = primaryStatus('k8s-pod-network', 'eth0', { cniVersion: '0.3.1', interfaces, ips });
      expect(status).to.deep.equal({
        ...{ name: 'k8s-pod-network', interface: 'eth0', ips: plain, default: true, dns: {} },
      });
    }
  });

  it('has those of the pod’s interface, and those that name none, where others are told, too', () => {
    const interfaces = [{ name: 'cni0', mac: '0a:00:00:00:00:01' }, ...['eth0', 'eth1'].map(inPod)];
    const more = [
      { address: '10.1.0.1/24', interface: 0 },
      { address: '10.1.0.5/24', interface: 1 },
    ];
    const result = { interfaces, ips: [...more, { address: '10.2.0.5/24', interface: 2 }, ips[1]] };
    const { ips: addresses, mac } = primaryStatus('primary', 'eth0', result);
    expect([addresses, mac]).to.deep.equal([['10.1.0.5', 'fd10:244::c497'], '0a:00:00:00:00:e0']);
  });

  function inPod(name: string): object {
    return { name, mac: '0a:00:00:00:00:e0', sandbox: '/run/netns/pod' };
  }
});
