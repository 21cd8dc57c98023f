import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ensureDebianPrograms } from '../cluster/debianPrograms.ts';
import { eventually } from '../eventually.ts';
import { spec } from './delegateSpec.ts';
import type { Host } from './host.ts';
import { Program } from './programs.ts';
import { errorOf, multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

const nics = 3;

describe('agent: addresses by DHCP, from the reference plugin’s daemon and a real server', function () {
  this.timeout(120_000);
  let site: Site;
  let host: Host;
  let daemon: Program | undefined;
  const servers: Program[] = [];

  before(async () => {
    site = await Site.start({ hosts: 1, nics });
    host = site.hosts[0]!;
    const busybox = join(await ensureDebianPrograms(), 'bin/busybox');
    for (let n = 1; n <= nics; n++) servers.push(serve(busybox, n));
    await startDaemon();
    const ipam = { type: 'dhcp', daemonSocketPath: join(host.folder, 'dhcp.sock') };
    await site.addNetwork('leased', spec(ipam, { args: { mode: 'bridge' } }));
    await site.addNetwork('bridged', spec(ipam, { type: 'bridge', args: { bridge: 'br-lan' } }));
  });
  after(async () => {
    for (const program of [daemon, ...servers]) await program?.stop('SIGKILL');
    await site?.[Symbol.asyncDispose]();
  });

  const folderOf = (n: number): string => join(site.folder, `dhcp-${n}`);

  /** A DHCP server on the n-th switch, which names a gateway to everybody. */
  function serve(busybox: string, n: number): Program {
    const folder = folderOf(n);
    mkdirSync(folder);
    const lines = [
      ...[`interface sw${n}`, `start 172.20.${n}.100`, `end 172.20.${n}.109`, 'max_leases 10', 'conflict_time 5'],
      ...['option subnet 255.255.255.0', `option router 172.20.${n}.1`, 'option lease 600'],
      ...[`lease_file ${folder}/leases`, `pidfile ${folder}/pid`],
    ];
    writeFileSync(join(folder, 'conf'), `${lines.join('\n')}\n`);
    writeFileSync(join(folder, 'leases'), '');
    site.switches.ip('address', 'add', `172.20.${n}.1/24`, 'dev', `sw${n}`);
    const argv = site.switches.enter(busybox, 'udhcpd', '-f', '-a', '100', join(folder, 'conf'));
    return new Program(argv, { logFile: join(folder, 'log') });
  }

  async function startDaemon(): Promise<void> {
    const socket = join(host.folder, 'dhcp.sock');
    rmSync(socket, { force: true }); // what it left when it was ended: it does not start over that
    const argv = host.namespace.enter(join(host.plugins, 'dhcp'), 'daemon', '-socketpath', socket);
    daemon = new Program(argv, { logFile: join(host.folder, 'dhcp.log') });
    const sockets = `/proc/${daemon.pid}/net/unix`;
    await eventually('the daemon listens', () => readFileSync(sockets, 'utf8').includes(socket));
  }

  /** The pod's way out, as its primary network makes it. */
  function primary({ namespace }: Sandbox): void {
    namespace.batch([
      'link add eth0 up type veth peer name eth0-peer',
      'link set eth0-peer up',
      'address add 10.1.0.5/24 dev eth0',
      'route add default via 10.1.0.1 dev eth0',
    ]);
  }

  it('each NIC has a lease, the pod keeps its own default route, and CHECK and DEL pass', async () => {
    const config = await multusConfig(site, 'leased', { cniArgs: { nics: 2 } });
    using sandbox = await Sandbox.make(site, host, 'leased');
    primary(sandbox);
    const result = await sandbox.add(config);
    expect(result.ips.map(({ address, interface: i }) => `${i} ${address.replace(/\d\/24/, '/24')}`)).to.deep.equal([
      '0 172.20.1.10/24',
      '1 172.20.2.10/24',
    ]);
    expect(sandbox.namespace.ip('route', 'show', 'default')).to.equal('default via 10.1.0.1 dev eth0 \n');
    expect(result.routes).to.deep.equal([]);
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    await sandbox.del(config);
    expect(sandbox.links()).to.have.members(['eth0', 'eth0-peer']);
  });

  it('a pod without a default route takes the gateway', async () => {
    const config = await multusConfig(site, 'leased', { cniArgs: { nics: 1 } });
    using sandbox = await Sandbox.make(site, host, 'without');
    const result = await sandbox.add(config);
    expect(sandbox.namespace.ip('route', 'show', 'default')).to.contain('default via 172.20.1.1 dev net1-0');
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    await sandbox.del(config);
  });

  it('a bridge of the host, with a NIC that no network offers, serves as well', async () => {
    host.namespace.batch(['link add br-lan up type bridge', 'link set eth3 master br-lan']);
    const config = await multusConfig(site, 'bridged', { cniArgs: { masters: ['eth1'] } });
    using sandbox = await Sandbox.make(site, host, 'bridged');
    primary(sandbox);
    const result = await sandbox.add(config);
    expect(result.ips[0]?.address).to.match(/^172\.20\.3\.10\d\/24$/);
    expect(sandbox.namespace.ip('route', 'show', 'default')).to.equal('default via 10.1.0.1 dev eth0 \n');
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    await sandbox.del(config);
  });

  it('while the daemon is away pods neither start nor end, and afterwards both do, by another agent, too', async () => {
    const config = await multusConfig(site, 'leased', { cniArgs: { nics: 2 } });
    using ending = await Sandbox.make(site, host, 'ending');
    using starting = await Sandbox.make(site, host, 'starting');
    await ending.add(config);
    await daemon?.stop('SIGKILL');
    expect(errorOf(await ending.call('DEL', config)).msg).to.contain('error dialing DHCP daemon');
    expect(errorOf(await starting.call('ADD', config)).msg).to.contain('error dialing DHCP daemon');
    await host.stopAgent('SIGKILL');
    await host.startAgent();
    await startDaemon();
    await ending.del(config);
    await starting.add(config);
    await starting.del(config);
    expect([ending, starting].map(sandbox => sandbox.links())).to.deep.equal([[], []]);
  });
});
