/**
 * What the real agent makes on its host is root's alone. That its image has no shell, and the webhook's runs as no root, shows
 * test/images/images.test.ts.
 */
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { run } from '../../build/run.ts';
import type { Host } from '../agent/host.ts';
import { networkSpec } from '../agent/networks.ts';
import { multusConfig, Sandbox } from '../agent/sandbox.ts';
import { Site } from '../agent/site.ts';

const nobody = 65_534;

describe('security: files and sockets of the agent', function () {
  this.timeout(120_000);
  let site: Site;
  let host: Host;
  let bin: string;
  let victim: string;

  before(async function () {
    this.timeout(300_000);
    site = await Site.start({ hosts: 1, nics: 1 });
    host = site.hosts[0]!;
    await host.stopAgent('SIGTERM');
    // Open to all on the way, as a machine's folders are; and with what somebody may have left in them.
    chmodSync(site.folder, 0o755);
    bin = join(host.folder, 'bin');
    victim = join(host.folder, 'victim');
    writeFileSync(victim, 'untouched', { mode: 0o600 });
    mkdirSync(bin);
    symlinkSync(victim, join(bin, 'multi-nic'));
    symlinkSync(victim, `${host.socket}.new`);
    chmodSync(join(host.folder, 'run'), 0o777);
    chmodSync(join(host.folder, 'state', 'attachments'), 0o777);
    await host.startAgent({}, ['--cni-bin-dir', bin]);
    await site.addNetwork('open', networkSpec({ type: 'ptp', vlanMode: 'l3' }, 210));
  });
  after(() => site?.[Symbol.asyncDispose]());

  /** Every path below, with kind, permissions and owner. */
  function listed(folder: string): string[] {
    return [folder, ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(name => join(folder, name))].map(
      path => {
        const { mode, uid, gid } = lstatSync(path);
        return `${path.slice(host.folder.length + 1)} ${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
      },
    );
  }

  it('are open to root alone; the executable is what everybody may run and nobody write', async () => {
    using sandbox = await Sandbox.make(site, host, 'shown');
    const config = await multusConfig(site, 'open');
    await sandbox.add(config);
    const [entry = ''] = readdirSync(join(host.folder, 'state', 'attachments'));
    expect(listed(join(host.folder, 'run')).sort()).to.deep.equal([
      'run 700 0:0',
      'run/cni.sock 600 0:0',
      'run/cni.sock.lock 600 0:0',
    ]);
    expect(listed(join(host.folder, 'state'))).to.include.members([
      'state/attachments 700 0:0',
      `state/attachments/${entry} 600 0:0`,
    ]);
    expect(listed(bin)).to.include('bin/multi-nic 755 0:0');
    const all = ['run', 'state', 'bin'].flatMap(name => listed(join(host.folder, name)));
    expect(all.filter(line => /[2367][0-7] \d|[2367] \d+:/.test(line))).to.deep.equal([]);
    await sandbox.del(config);
  });

  it('take the place of links that somebody left there, and nothing is written through these', () => {
    expect(readFileSync(victim, 'utf8')).to.equal('untouched');
    expect(lstatSync(victim).mode & 0o7777).to.equal(0o600);
    expect(lstatSync(join(bin, 'multi-nic')).isFile()).to.equal(true);
    expect(lstatSync(host.socket).isSocket()).to.equal(true);
  });

  /** Runs a script of Node as a user without any right. @returns the code of its error */
  async function asNobody(script: string): Promise<string> {
    const argv = [
      'setpriv',
      `--reuid=${nobody}`,
      `--regid=${nobody}`,
      '--clear-groups',
      process.execPath,
      '-e',
      script,
    ];
    return (await run(argv)).stdout.trim();
  }

  it('let nobody else connect, nor read', async () => {
    const print = 'console.log(error ? error.code : "open")';
    const connect = (path: string) =>
      `const s = require('node:net').connect(${JSON.stringify(path)}, () => { console.log('open'); s.end(); }); s.on('error', error => { ${print} })`;
    expect(await asNobody(connect(host.socket))).to.equal('EACCES');
    const list = (path: string) => `require('node:fs').readdir(${JSON.stringify(path)}, error => { ${print} })`;
    expect(await asNobody(list(join(host.folder, 'run')))).to.equal('EACCES');
    expect(await asNobody(list(join(host.folder, 'state', 'attachments')))).to.equal('EACCES');
    // So that it is the modes that refuse, and not the way to them.
    const own = join(host.folder, 'own');
    mkdirSync(own);
    chownSync(own, nobody, nobody);
    expect(await asNobody(list(own))).to.equal('open');
  });
});
