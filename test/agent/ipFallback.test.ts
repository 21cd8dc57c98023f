import { expect } from 'chai';
import { suiteNeedsKinds } from '../netlink/support.ts';
import type { Host } from './host.ts';
import { testTimeoutMs } from './inside.ts';
import { nameOf, type NetworkCase, networkSpec } from './networks.ts';
import { linkNames, multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

const cases: readonly NetworkCase[] = [
  { type: 'ptp', vlanMode: 'l3' },
  { type: 'macvlan', mode: 'bridge', vlanMode: 'l2' },
];

describe('agent: where koffi does not load', function () {
  this.timeout(testTimeoutMs);
  let site: Site;
  let host: Host;

  before(async function () {
    suiteNeedsKinds(this, 'macvlan');
    site = await Site.start({ hosts: 1, nics: 2 });
    host = site.hosts[0]!;
    for (const [i, network] of cases.entries()) await site.addNetwork(nameOf(network), networkSpec(network, 230 + i));
  });
  after(() => site?.[Symbol.asyncDispose]());

  /** The NICs of a pod on the host come, pass CHECK, and go without a trace. */
  async function attachAndDetach(network: NetworkCase, round: string): Promise<void> {
    const config = await multusConfig(site, nameOf(network), { cniArgs: { nics: 2 } });
    const hostLinks = linkNames(host.namespace);
    using sandbox = await Sandbox.make(site, host, `${network.type}-${round}`);
    const result = await sandbox.add(config);
    expect(sandbox.links()).to.deep.equal(['net1-0', 'net1-1']);
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    sandbox.namespace.ip('link', 'del', 'net1-1');
    expect(await sandbox.check(config, result)).to.include({ exitCode: 1 });
    await sandbox.del(config);
    await sandbox.del(config);
    expect(sandbox.links()).to.deep.equal([]);
    expect(linkNames(host.namespace)).to.deep.equal(hostLinks);
  }

  it('the agent says so once and attaches with ip -batch', async () => {
    await host.stopAgent('SIGTERM');
    const before = host.log.length;
    await host.startAgent({ NODE_OPTIONS: '--no-addons' }, ['--probe-interval', '60']);
    for (const network of cases) await attachAndDetach(network, 'fallback');
    expect(host.log.slice(before).match(/koffi does not load/g)).to.have.length(1);
    expect(host.log.slice(before).match(/the connectivity probe is off: it needs koffi/g)).to.have.length(1);
  });

  it('--netlink ip asks for the same', async () => {
    await host.stopAgent('SIGTERM');
    const before = host.log.length;
    await host.startAgent({}, ['--netlink', 'ip']);
    for (const network of cases) await attachAndDetach(network, 'asked');
    expect(host.log.slice(before)).not.to.contain('koffi does not load');
  });
});
