import { expect } from 'chai';
import { formatPool, readPool } from '../../core/pool/content.ts';
import { ipPools } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { ptpSpec } from './cniCalls.ts';
import type { Host } from './host.ts';
import { linkNames, multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

describe('agent: what a pod had', function () {
  this.timeout(60_000);
  let site: Site;
  let host: Host;

  before(async function () {
    this.timeout(300_000);
    site = await Site.start({ hosts: 1, nics: 2 });
    host = site.hosts[0]!;
    await site.addNetwork('open', ptpSpec(210));
  });
  after(() => site?.[Symbol.asyncDispose]());

  const isReleased = async (pod: string): Promise<boolean> => (await site.recordOf('open', pod))?.state === 'Released';

  it('goes with GC where the runtime does not know it', async () => {
    const config = await multusConfig(site, 'open', { cniArgs: { nics: 1 } });
    const hostLinks = linkNames(host.namespace).length;
    using kept = await Sandbox.make(site, host, 'kept');
    using stale = await Sandbox.make(site, host, 'stale');
    await Promise.all([kept.add(config), stale.add(config)]);
    const valid = [{ containerID: kept.containerId, ifname: 'net1' }];
    const gc = { ...config, cniVersion: '1.1.0', 'cni.dev/valid-attachments': valid };
    expect(await host.cni({ command: 'GC', containerId: '', config: gc })).to.include({ exitCode: 0 });
    expect(kept.links()).to.deep.equal(['net1-0']);
    expect(stale.links()).to.deep.equal([]);
    await kept.del(config);
    expect(linkNames(host.namespace)).to.have.length(hostLinks);
  });

  it('can be taken away while the API server is away', async () => {
    const config = await multusConfig(site, 'open');
    using sandbox = await Sandbox.make(site, host, 'offline');
    await sandbox.add(config);
    await site.removePod('offline');
    site.cluster.apiServer.pause();
    try {
      await sandbox.del(config);
      expect(sandbox.links()).to.deep.equal([]);
    } finally {
      site.cluster.apiServer.resume();
    }
    await eventually('release', () => isReleased('offline'), 40_000);
  });

  it('is given back as soon as the agent is there again, where the pod ended meanwhile', async () => {
    const config = await multusConfig(site, 'open');
    using sandbox = await Sandbox.make(site, host, 'ended');
    await sandbox.add(config);
    await sandbox.del(config);
    await host.stopAgent('SIGKILL');
    await site.removePod('ended');
    // Young records are left alone: they may be of a pod that is just being created.
    const pool = await site.client.get(ipPools, { name: 'open.host-1' });
    const content = readPool(pool);
    const allocations = content.allocations.map(held => ({ ...held, since: '2026-01-01T00:00:00Z' }));
    await site.client.updateStatus(ipPools, { ...pool, status: formatPool({ ...content, allocations }) });
    await host.startAgent();
    await eventually('release', () => isReleased('ended'));
  });

  it('is given back after a reboot, which leaves no namespace and no DEL', async () => {
    const config = await multusConfig(site, 'open');
    const sandbox = await Sandbox.make(site, host, 'rebooted');
    await sandbox.add(config);
    await host.stopAgent('SIGKILL');
    sandbox.namespace[Symbol.dispose]();
    await site.removePod('rebooted');
    await host.startAgent();
    await eventually('release', () => isReleased('rebooted'));
  });
});
