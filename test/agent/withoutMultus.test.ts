import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { annotation } from '../../core/api/names.ts';
import { pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { chainedConfig, cniFixture, dualStack, emptyResult, ptpSpec, selecting } from './cniCalls.ts';
import { testTimeoutMs } from './inside.ts';
import { killedDuring } from './killed.ts';
import { errorOf } from './sandbox.ts';

describe('agent: what a pod gets in a chained call', function () {
  this.timeout(testTimeoutMs);
  const test = cniFixture({
    open: ptpSpec(210),
    closed: { ...ptpSpec(211), namespaces: ['elsewhere'] },
    six: dualStack,
    'way-out': ptpSpec(216, { routes: [{ dst: '0.0.0.0/0' }, { dst: '192.0.2.0/24' }] }),
  });

  it('takes all default routes without Multus where the pod wants it so', async () => {
    const element = { name: 'six', 'cni-args': { nics: 2 }, 'default-route': ['10.212.0.9', 'fd00:212::9'] };
    using sandbox = await test.make('default-route', selecting(element));
    const { namespace } = sandbox;
    namespace.batch([
      'link add eth0 type veth peer name out',
      'address add 10.1.0.5/24 dev eth0',
      'address add fd01::5/64 dev eth0 nodad',
      'link set eth0 up',
      'route add default via 10.1.0.1',
      'route add default via 10.1.0.2 metric 100',
      'route add ::/0 via fd01::1',
      'route append ::/0 via fd01::2',
      'route add ::/0 via fd01::3 metric 512 proto ra',
    ]);
    const config = chainedConfig('1.0.0', emptyResult);
    await sandbox.add(config, 'eth0');
    for (const [family, elsewhere] of [
      ['-4', '198.51.100.1'],
      ['-6', '2001:db8::1'],
    ] as const) {
      expect(namespace.ip(family, 'route', 'show', 'default').trim().split('\n')).to.have.length(1);
      expect(namespace.ip(family, 'route', 'get', elsewhere)).to.contain('dev net1-0');
    }
    // A router that is heard of later brings none back.
    expect(namespace.exec('sysctl', '-n', 'net.ipv6.conf.eth0.accept_ra_defrtr').trim()).to.equal('0');
    expect(await sandbox.call('DEL', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
  });

  it('has the default route that it chose, also where its other networks have one', async () => {
    const chosen = { name: 'six', 'cni-args': { nics: 1 }, 'default-route': ['10.212.0.9'] };
    const networks = selecting({ name: 'way-out' }, chosen, { name: 'way-out' });
    using sandbox = await test.make('chosen', networks);
    const { namespace } = sandbox;
    const config = chainedConfig('1.0.0', emptyResult);
    await sandbox.add(config, 'eth0');
    expect(await sandbox.call('CHECK', config, { ifname: 'eth0' })).to.include({ exitCode: 0, stdout: '' });
    expect(namespace.ip('-4', 'route', 'show', 'default')).to.match(/^default via 169\.254\.1\.1 dev net2-0 .*\n$/);
    expect(namespace.ip('-4', 'route', 'show', '192.0.2.0/24').trim().split('\n')).to.have.length(3);
    expect(await sandbox.call('DEL', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
  });

  it('comes all at once without Multus, with the status that Multus would write', async () => {
    const networks = selecting({ name: 'open', 'cni-args': { nics: 1 } }, { name: 'six' });
    using sandbox = await test.make('chained', networks);
    const prevResult = {
      cniVersion: '1.0.0',
      interfaces: [
        { name: 'veth1', mac: '0a:00:00:00:00:01' },
        { name: 'eth0', mac: '0a:00:00:00:00:02', sandbox: sandbox.namespace.path },
      ],
      ips: [{ address: '10.1.0.5/24', gateway: '10.1.0.1', interface: 1 }],
      routes: [{ dst: '0.0.0.0/0' }],
      dns: {},
    };
    const config = chainedConfig('1.0.0', prevResult);
    const result = await sandbox.add(config, 'eth0');
    expect(result).to.deep.equal(prevResult);
    expect(sandbox.links()).to.deep.equal(['net1-0', 'net2-0', 'net2-1']);
    const text = await eventually('the status', async () => {
      const pod = await test.site.client.get(pods, { namespace: 'default', name: 'chained' });
      return pod.metadata.annotations?.[annotation.networkStatus];
    });
    const status = JSON.parse(text) as {
      name: string;
      interface: string;
      ips: string[];
      mac: string;
      default?: boolean;
    }[];
    expect(status.map(({ name, interface: ifname }) => `${name} ${ifname}`)).to.deep.equal([
      'primary eth0',
      'default/open net1-0',
      'default/six net2-0',
      'default/six net2-1',
    ]);
    expect(status[0]).to.deep.equal({
      name: 'primary',
      interface: 'eth0',
      ips: ['10.1.0.5'],
      mac: '0a:00:00:00:00:02',
      default: true,
      dns: {},
    });
    expect(status[2]?.ips).to.have.length(2);
    const withoutResult = { ...config, prevResult: undefined };
    expect(await sandbox.call('CHECK', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
    expect(await sandbox.call('DEL', withoutResult, { ifname: 'eth0' })).to.include({ exitCode: 0 });
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('has the status also where the agent ends between its answer and the write', async () => {
    using sandbox = await test.make('ended', selecting({ name: 'open', 'cni-args': { nics: 1 } }));
    const config = chainedConfig('1.0.0', emptyResult);
    await killedDuring(test.host, () => sandbox.call('ADD', config, { ifname: 'eth0' }), 'status.waiting');
    const text = await eventually('the status', async () => {
      const pod = await test.site.client.get(pods, { namespace: 'default', name: 'ended' });
      return pod.metadata.annotations?.[annotation.networkStatus];
    });
    expect(text).to.contain('default/open').and.to.contain('net1-0');
    const left = join(test.host.folder, 'state', 'statuses');
    await eventually('it waits no more', () => readdirSync(left).length === 0);
    expect(await sandbox.call('DEL', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
  });

  it('is all or nothing in a chained call', async () => {
    using sandbox = await test.make('half', selecting({ name: 'open' }, { name: 'closed' }));
    const config = { cniVersion: '1.0.0', name: 'primary', type: 'multi-nic', prevResult: { cniVersion: '1.0.0' } };
    expect(errorOf(await sandbox.call('ADD', config, { ifname: 'eth0' })).code).to.equal(100);
    expect(sandbox.links()).to.deep.equal([]);
  });
});
