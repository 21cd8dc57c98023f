import { expect } from 'chai';
import { readNetwork } from '../network/network.ts';
import { nicIpam } from './nicIpam.ts';

describe('the IPAM section of a NIC', () => {
  it('has no routes for all NICs, in whatever case they are written: the agent makes them', () => {
    for (const key of ['routes', 'Routes', 'ROUTES']) {
      const ipam = JSON.stringify({ type: 'host-local', [key]: [{ dst: '192.168.0.0/16' }], ranges: [] });
      const network = readNetwork({
        apiVersion: 'multinic.fms.io/v1',
        kind: 'MultiNicNetwork',
        metadata: { name: 'net' },
        spec: { ipam, plugin: { cniVersion: '1.0.0', type: 'bridge' } },
      });
      expect(network.ipam.routes).to.have.length(1);
      const nic = { master: 'eth1', addresses: [], wanted: [] };
      expect(nicIpam(network, nic)).to.deep.equal({ kind: 'plugin', section: { type: 'host-local', ranges: [] } });
    }
  });
});
