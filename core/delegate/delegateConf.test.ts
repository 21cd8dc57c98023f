import { expect } from 'chai';
import type { PluginSpec } from '../api/types.ts';
import { delegateConf, type DelegateNic, ipamConf } from './delegateConf.ts';

describe('What a plugin is asked for one NIC', () => {
  const plugin: PluginSpec = { cniVersion: '1.0.0', type: 'macvlan', capabilities: { ips: true, bandwidth: true } };
  const bandwidth = { ingressRate: 1 };
  const handed = { runtimeConfig: { ips: ['192.0.2.5', '192.0.2.6'], bandwidth }, cniArgs: {} };
  const nicWith = (wanted: string[]): DelegateNic & { ipam: { kind: 'plugin'; section: { type: string } } } => ({
    master: 'eth1',
    ipam: { kind: 'plugin', section: { type: 'host-local' } },
    wanted,
  });

  it('is the addresses that the pod asks for on this NIC, also where the network declares the capability', () => {
    for (const conf of [delegateConf, ipamConf]) {
      expect(conf('net', plugin, nicWith(['192.0.2.6']), handed).runtimeConfig).to.deep.equal({
        ...{ ips: ['192.0.2.6'], bandwidth },
      });
      expect(conf('net', plugin, nicWith([]), handed).runtimeConfig, 'none').to.deep.equal({ bandwidth });
    }
  });
});
