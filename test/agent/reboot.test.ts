import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { networkSpec } from './networks.ts';
import { multusConfig, resultOf, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

describe('agent: after a reboot of its host', function () {
  this.timeout(120_000);
  let site: Site;

  before(async function () {
    site = await Site.start({ hosts: 1, nics: 2 });
    await site.addNetwork('flat', networkSpec({ type: 'macvlan', mode: 'bridge', vlanMode: 'l2' }, 228));
  });
  after(() => site[Symbol.asyncDispose]());

  it('pods that start before anything else are on their NICs, though these have each other’s names now', async () => {
    const host = site.hosts[0]!;
    const config = await multusConfig(site, 'flat', { cniArgs: { masters: ['eth2'] } });
    using sandbox = await Sandbox.make(site, host, 'restarted');
    const { ips } = await sandbox.add(config);
    await sandbox.del(config);
    await host.stopAgent('SIGKILL');
    host.namespace.batch([
      ...['link set eth1 down', 'link set eth2 down', 'link set eth1 name was1'],
      ...['link set eth2 name eth1', 'link set was1 name eth2', 'link set eth1 up', 'link set eth2 up'],
    ]);
    using next = new Sandbox(host, sandbox.pod);
    // The executable waits for the agent, and on a slow machine the kubelet tries again.
    const added = eventually('the agent is back', async () => {
      const ending = await next.call('ADD', config);
      return ending.stdout.includes('MNN_AGENT_AWAY') ? undefined : ending;
    });
    const [answered] = await Promise.all([added, host.startAgent()]);
    expect(resultOf(answered).ips).to.deep.equal(ips);
    const [{ link_index: parent } = {}] = JSON.parse(next.namespace.ip('-j', 'link', 'show', 'net1-0')) as {
      link_index?: number;
    }[];
    const nics = JSON.parse(host.namespace.ip('-j', 'address')) as {
      ifindex: number;
      addr_info: { local: string }[];
    }[];
    const below = nics.find(({ ifindex }) => ifindex === parent);
    expect(below?.addr_info.map(({ local }) => local)).to.include('172.20.2.11');
  });
});
