import { expect } from 'chai';
import { formatPool, readPool } from '../../core/pool/content.ts';
import { ipPools } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { cniFixture, ptpSpec } from './cniCalls.ts';
import { testTimeoutMs } from './inside.ts';
import { linkNames } from './sandbox.ts';

describe('agent: what a pod had', function () {
  this.timeout(testTimeoutMs);
  const test = cniFixture({ open: ptpSpec(210) });

  const isReleased = async (pod: string): Promise<boolean> =>
    (await test.site.recordOf('open', pod))?.state === 'Released';

  it('goes with GC where the runtime does not know it', async () => {
    const config = await test.configOf('open', { cniArgs: { nics: 1 } });
    const hostLinks = linkNames(test.host.namespace).length;
    using kept = await test.make('kept');
    using stale = await test.make('stale');
    await Promise.all([kept.add(config), stale.add(config)]);
    const valid = [{ containerID: kept.containerId, ifname: 'net1' }];
    const gc = { ...config, cniVersion: '1.1.0', 'cni.dev/valid-attachments': valid };
    expect(await test.host.cni({ command: 'GC', containerId: '', config: gc })).to.include({ exitCode: 0 });
    expect(kept.links()).to.deep.equal(['net1-0']);
    expect(stale.links()).to.deep.equal([]);
    await kept.del(config);
    expect(linkNames(test.host.namespace)).to.have.length(hostLinks);
  });

  it('is given back without reading the pool, once the agent has written it', async () => {
    const config = await test.configOf('open');
    const readings = async (): Promise<number> => {
      const text = await test.site.client.request<string>('GET', '/metrics', { accept: 'text/plain' });
      const lines = text
        .split('\n')
        .filter(line => /^apiserver_request_total\{.*resource="ippools".*verb="GET"/.test(line));
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    };
    const end = async (name: string): Promise<void> => {
      using sandbox = await test.make(name);
      await sandbox.add(config);
      await test.site.removePod(name);
      await sandbox.del(config);
      // Lists are not counted.
      await eventually('release', async () => {
        const { items } = await test.site.client.list(ipPools);
        const records = items.flatMap(pool => readPool(pool).allocations);
        return records.some(record => record.name === name && record.state === 'Released');
      });
    };
    await end('one-before');
    // Longer than what was read or written is believed where no watch follows.
    await new Promise(resolve => setTimeout(resolve, 2100));
    const before = await readings();
    await end('one-after');
    expect((await readings()) - before).to.equal(0);
  });

  it('can be taken away while the API server is away', async () => {
    const config = await test.configOf('open');
    using sandbox = await test.make('offline');
    await sandbox.add(config);
    await test.site.removePod('offline');
    test.site.cluster.apiServer.pause();
    try {
      await sandbox.del(config);
      expect(sandbox.links()).to.deep.equal([]);
    } finally {
      test.site.cluster.apiServer.resume();
    }
    await eventually('release', () => isReleased('offline'), 40_000);
  });

  it('is recorded again where the pool has lost its record, as long as it is there', async () => {
    const config = await test.configOf('open');
    using sandbox = await test.make('forgotten');
    await sandbox.add(config);
    const before = await test.site.recordOf('open', 'forgotten');
    const pool = await test.site.client.get(ipPools, { name: 'open.host-1' });
    await test.site.client.updateStatus(ipPools, {
      ...pool,
      status: formatPool({ ...readPool(pool), allocations: [] }),
    });
    const isThere = async (): Promise<boolean> =>
      (await test.site.recordOf('open', 'forgotten'))?.state === 'Allocated';
    await eventually('the record', isThere, 30_000);
    expect((await test.site.recordOf('open', 'forgotten'))?.nics).to.deep.equal(before?.nics);
    await sandbox.del(config);
    await test.site.removePod('forgotten');
    await eventually('release', () => isReleased('forgotten'), 20_000);
  });

  it('is given back where somebody has spoilt the pool of another network of the pod, and there once it is mended', async () => {
    const [spoilt, sound] = [await test.configOf('open'), await test.configOf('plain')];
    using sandbox = await test.make('both');
    await sandbox.add(spoilt, 'net1');
    await sandbox.add(sound, 'net2');
    const edit = async (change: (lines: readonly string[]) => string[]): Promise<void> => {
      const pool = await test.site.client.get(ipPools, { name: 'open.host-1' });
      const status = { ...pool.status, allocations: change(pool.status?.allocations ?? []) };
      await test.site.client.updateStatus(ipPools, { ...pool, status });
    };
    const mistake = 'Alocated default/mistyped net1';
    await edit(lines => [...lines, mistake]);
    for (const [ifname, config] of [
      ['net1', spoilt],
      ['net2', sound],
    ] as const) {
      expect(await sandbox.call('DEL', config, { ifname })).to.include({ exitCode: 0 });
    }
    await test.site.removePod('both');
    await eventually('release', async () => (await test.site.recordOf('plain', 'both'))?.state === 'Released', 20_000);
    await edit(lines => lines.filter(line => line !== mistake));
    await eventually('the other release', () => isReleased('both'), 40_000);
  });

  it('is given back as soon as the agent is there again, where the pod ended meanwhile', async () => {
    const config = await test.configOf('open');
    using sandbox = await test.make('ended');
    await sandbox.add(config);
    await sandbox.del(config);
    await test.host.stopAgent('SIGKILL');
    await test.site.removePod('ended');
    // Young records are left alone: they may be of a pod that is just being created.
    const pool = await test.site.client.get(ipPools, { name: 'open.host-1' });
    const content = readPool(pool);
    const allocations = content.allocations.map(held => ({ ...held, since: '2026-01-01T00:00:00Z' }));
    await test.site.client.updateStatus(ipPools, { ...pool, status: formatPool({ ...content, allocations }) });
    await test.host.startAgent();
    await eventually('release', () => isReleased('ended'));
  });

  it('is given back after a reboot, which leaves no namespace and no DEL', async () => {
    const config = await test.configOf('open');
    const sandbox = await test.make('rebooted');
    await sandbox.add(config);
    await test.host.stopAgent('SIGKILL');
    sandbox.namespace[Symbol.dispose]();
    await test.site.removePod('rebooted');
    await test.host.startAgent();
    await eventually('release', () => isReleased('rebooted'));
  });
});
