import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { pods } from '../../kube/api/resources.ts';
import type { Ending } from '../cni/program.ts';
import { eventually } from '../eventually.ts';
import { chainedConfig, emptyResult, selecting } from './cniCalls.ts';
import { spec } from './delegateSpec.ts';
import type { Host } from './host.ts';
import { networkSpec } from './networks.ts';
import { Program } from './programs.ts';
import { errorOf, linkNames, multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

/** A sandbox with a file that is not whole, and the calls for it. */
interface Torn {
  readonly sandbox: Sandbox;
  readonly config: object;
  readonly del: () => Promise<Ending>;
}

describe('agent: its state folder and its socket in trouble', function () {
  this.timeout(120_000);
  let site: Site;
  let host: Host;
  let state: string;

  before(async function () {
    site = await Site.start({ hosts: 1, nics: 2 });
    host = site.hosts[0]!;
    state = join(host.folder, 'state');
    await site.addNetwork('kept', networkSpec({ type: 'ptp', vlanMode: 'l3' }, 241));
    const answer = `'{"cniVersion":"1.0.0","ips":[{"address":"198.51.100.1'"\${CNI_IFNAME##*-}"'/24"}]}'`;
    writeFileSync(join(host.ownPlugins, 'numbering'), `#!/bin/sh\necho ${answer}\n`, { mode: 0o755 });
    await site.addNetwork('shared', spec({ type: 'numbering' }, {}));
  });
  after(() => site[Symbol.asyncDispose]());

  it('a full disk refuses ADD, says so, and leaves nothing; with room again it works', async () => {
    const config = await multusConfig(site, 'kept');
    const hostLinks = linkNames(host.namespace);
    const attachments = join(state, 'attachments');
    // Mounted before the agent starts: it has a mount namespace of its own.
    await host.stopAgent('SIGTERM');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k,mode=700', 'tmpfs', attachments]);
    try {
      await host.startAgent();
      using before = await Sandbox.make(site, host, 'before-full');
      const made = await before.add(config);
      const filler = join(attachments, 'filler');
      writeFileSync(filler, 'x');
      execFileSync('sh', ['-c', `cat /dev/zero > ${filler} 2> /dev/null || true`]);
      using sandbox = await Sandbox.make(site, host, 'full');
      const { code, details } = errorOf(await sandbox.call('ADD', config));
      expect([code, /^MNN_\w+/.exec(details)?.[0]]).to.deep.equal([5, 'MNN_CHECKPOINT']);
      expect(sandbox.links()).to.deep.equal([]);
      await sandbox.del(config);
      expect(await before.check(config, made)).to.include({ exitCode: 0, stdout: '' });
      await before.del(config);
      expect(before.links()).to.deep.equal([]);
      expect(linkNames(host.namespace)).to.deep.equal(hostLinks);
      expect(readdirSync(attachments)).to.deep.equal(['filler']);
      rmSync(filler);
      await sandbox.add(config);
      await sandbox.del(config);
      expect(readdirSync(attachments)).to.deep.equal([]);
    } finally {
      await host.stopAgent('SIGTERM');
      execFileSync('umount', [attachments]);
      await host.startAgent();
    }
  });

  it('one agent alone serves a node; others wait for it to end', async () => {
    const options = {
      ...{ 'node-name': 'host-1', kubeconfig: site.cluster.kubeconfig, socket: host.socket },
      ...{ 'state-dir': join(host.folder, 'other'), 'health-port': '0' },
    };
    const argv = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const another = (): Program => new Program(host.namespace.enter(process.execPath, 'agent/main.ts', ...argv));
    const waits = (agent: Program): boolean => agent.output.includes('another agent serves this node');
    await using second = another();
    await eventually('it waits', () => waits(second));
    await using third = another();
    await eventually('so does a third one', () => waits(third));
    await third.stop();
    expect(third.exitCode).to.equal(0);
    expect(await host.isReady()).to.equal(true);
    await host.stopAgent('SIGKILL');
    await eventually('it takes over', () => host.isReady());
    await second.stop();
    await host.startAgent();
  });

  it('an agent that waits for the end of another one knows what that attaches meanwhile', async () => {
    const config = await multusConfig(site, 'kept');
    using sandbox = await Sandbox.make(site, host, 'meanwhile');
    const first = host.agentPid;
    await host.startAgent({}, ['--health-port', '0']);
    await eventually('the second one waits', () => host.log.includes('another agent serves this node'));
    const result = await sandbox.add(config);
    process.kill(first, 'SIGTERM');
    await eventually('the first one has ended', () => !existsSync(`/proc/${first}`));
    await eventually('the second one serves', () => host.isReady());
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    await sandbox.del(config);
    expect(readdirSync(join(state, 'attachments'))).to.deep.equal([]);
  });

  it('an agent whose socket was removed with its folder ends, and the next one serves', async () => {
    const pid = host.agentPid;
    rmSync(dirname(host.socket), { recursive: true });
    await eventually('it has ended', () => !existsSync(`/proc/${pid}`));
    expect(host.log).to.contain(`nobody can reach this agent: ${host.socket} was removed or replaced`);
    await host.startAgent();
  });

  it('a later sandbox is a later one, though the clock was set back while no agent ran', async () => {
    const config = await multusConfig(site, 'kept');
    using earlier = await Sandbox.make(site, host, 'clock');
    await earlier.add(config);
    await host.stopAgent('SIGTERM');
    const [file = ''] = readdirSync(join(state, 'attachments'));
    const path = join(state, 'attachments', file);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"since":"\d+/, '"since":"2100'));
    await host.startAgent();
    using later = new Sandbox(host, earlier.pod);
    const result = await later.add(config);
    await earlier.del(config);
    expect(await later.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    await later.del(config);
  });

  for (const how of ['alone', 'chained'] as const) {
    it(`${how}: a torn file is reported, and DEL still finds the links by their names`, async () => {
      const ifname = how === 'chained' ? 'eth0' : 'net1';
      const config = how === 'chained' ? chainedConfig('1.0.0', emptyResult) : await multusConfig(site, 'kept');
      const hostLinks = linkNames(host.namespace);
      using sandbox = await Sandbox.make(site, host, `torn-${how}`, selecting({ name: 'kept' }));
      const del = async (): Promise<void> => {
        expect(await sandbox.call('DEL', config, { ifname })).to.include({ exitCode: 0, stdout: '' });
        expect(sandbox.links()).to.deep.equal([]);
        expect(linkNames(host.namespace)).to.deep.equal(hostLinks);
        expect(readdirSync(join(state, 'attachments'))).to.deep.equal([]);
      };
      await sandbox.add(config, ifname);
      await tear();
      expect(host.log).to.contain('a file is not whole');
      await del();
      await sandbox.add(config, ifname);
      await del();
    });
  }

  it('a torn file of links that share a subnet: DEL leaves no rule, and ADD works again', async () => {
    const config = await multusConfig(site, 'shared', { cniArgs: { nics: 2 } });
    using sandbox = await Sandbox.make(site, host, 'torn-shared');
    await sandbox.add(config);
    await tear();
    await sandbox.del(config);
    expect(sandbox.links()).to.deep.equal([]);
    expect(sandbox.namespace.ip('rule').trim().split('\n')).to.have.length(3);
    const result = await sandbox.add(config);
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    await sandbox.del(config);
  });

  it('a torn file of a sandbox that the runtime does not know any more goes with GC', async () => {
    const config = await multusConfig(site, 'kept');
    using sandbox = await Sandbox.make(site, host, 'torn-gone');
    await sandbox.add(config);
    await tear();
    sandbox.namespace[Symbol.dispose]();
    const gc = { ...config, cniVersion: '1.1.0', 'cni.dev/valid-attachments': [] };
    expect(await sandbox.call('GC', gc)).to.include({ exitCode: 0, stdout: '' });
    expect(readdirSync(join(state, 'attachments'))).to.deep.equal([]);
  });

  describe('a torn file of an attachment with another plugin, which has to take back what it gave:', () => {
    const leases = (): string[] => {
      const folders = ['leased', 'moved'].map(network => join(host.folder, 'leases', network));
      const names = folders.filter(existsSync).flatMap(folder => readdirSync(folder));
      return names.filter(name => /^\d/.test(name));
    };

    const plugin = (): string => join(host.ownPlugins, 'own-local');
    const install = (): void => {
      symlinkSync(join(host.plugins, 'host-local'), plugin());
    };

    before(async () => {
      install();
      // What they hold of the NICs keeps these from moving.
      for (const { metadata } of (await site.client.list(pods)).items) await site.removePod(metadata.name);
      const ranges = [[{ subnet: '198.51.100.0/24' }]];
      const ipam = { type: 'own-local', dataDir: join(host.folder, 'leases'), ranges };
      await site.addNetwork('leased', spec(ipam, {}));
      await site.addNetwork('moved', spec(ipam, { type: 'host-device' }));
    });

    /** @param how alone, a pod has one NIC of the network; chained, both */
    async function torn(how: 'alone' | 'chained', network: string, end: (torn: Torn) => Promise<void>): Promise<void> {
      const cniArgs = { masters: ['eth2'] };
      const alone = await multusConfig(site, network, { cniArgs });
      const [ifname, config] =
        how === 'alone' ? (['net1', alone] as const) : (['eth0', chainedConfig('1.0.0', emptyResult)] as const);
      const annotations = selecting({ name: network });
      using sandbox = await Sandbox.make(site, host, `torn-${randomUUID()}`, annotations);
      await sandbox.add(config, ifname);
      expect(leases()).to.have.length(how === 'alone' ? 1 : 2);
      await tear();
      await end({ sandbox, config, del: () => sandbox.call('DEL', config, { ifname }) });
      expect(leases()).to.deep.equal([]);
      expect(readdirSync(join(state, 'attachments'))).to.deep.equal([]);
    }

    const deleted = async ({ del }: Pick<Torn, 'del'>): Promise<void> => {
      expect(await del()).to.include({ exitCode: 0, stdout: '' });
    };

    for (const how of ['alone', 'chained'] as const) {
      it(`${how}, DEL`, () => torn(how, 'leased', deleted));

      it(`${how}, DEL without namespace and pod`, () =>
        torn(how, 'leased', async ({ sandbox, del }) => {
          sandbox.namespace[Symbol.dispose]();
          await site.removePod(sandbox.pod.metadata.name);
          await deleted({ del });
        }));

      it(`${how}, GC`, () =>
        torn(how, 'leased', async ({ sandbox, config }) => {
          const gc = { ...config, cniVersion: '1.1.0', 'cni.dev/valid-attachments': [] };
          expect(await sandbox.call('GC', gc)).to.include({ exitCode: 0, stdout: '' });
        }));

      it(`${how}, GC of another network before`, () =>
        torn(how, 'leased', async ({ sandbox, del }) => {
          const gc = { ...(await multusConfig(site, 'kept')), cniVersion: '1.1.0', 'cni.dev/valid-attachments': [] };
          expect(await sandbox.call('GC', gc)).to.include({ exitCode: 0, stdout: '' });
          expect(leases()).to.have.length(how === 'alone' ? 1 : 2);
          await deleted({ del });
        }));

      it(`${how}, DEL while the plugin cannot be called, and again`, () =>
        torn(how, 'leased', async ({ del }) => {
          rmSync(plugin());
          expect(errorOf(await del()).msg).to.contain('is not there');
          install();
          await deleted({ del });
        }));
    }

    it('a NIC of the host that went into the pod is back under its name', async () => {
      await torn('alone', 'moved', deleted);
      expect(linkNames(host.namespace)).to.include('eth2');
    });
  });

  /** Of the one attachment that there is the file, as a disk leaves it that loses what was written last. */
  async function tear(): Promise<void> {
    await host.stopAgent('SIGKILL');
    const [file = ''] = readdirSync(join(state, 'attachments'));
    writeFileSync(join(state, 'attachments', file), '{"version":1,"state":"do');
    await host.startAgent();
  }
});
