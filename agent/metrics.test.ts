import { expect } from 'chai';
import { Registry } from '../kube/report/prometheus.ts';
import { createAgentMetrics } from './metrics.ts';

describe("the agent's metrics", () => {
  it('say of each NIC whether its link is up, and nothing of one that is gone', async () => {
    const registry = new Registry();
    const { nics } = createAgentMetrics(registry, () => 0);
    const nic = (interfaceName: string, linkState: 'up' | 'down') => ({
      interfaceName,
      linkState,
      netAddress: '',
      hostIP: '',
    });
    nics([nic('eth1', 'up'), nic('eth2', 'up')]);
    nics([nic('eth1', 'down')]);
    const lines = (await registry.metrics()).split('\n').filter(line => line.startsWith('multinic_nic_up'));
    expect(lines).to.deep.equal(['multinic_nic_up{nic="eth1"} 0']);
  });
});
