import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { describe, it } from 'mocha';
import { namespaceExists, ownNamespace, sameNamespace } from '../../agent/netlink/namespace.ts';
import { NetlinkEndedError, NetlinkError, type Op } from '../../agent/netlink/netlink.ts';
import { openNetlink } from '../../agent/netlink/open.ts';
import { describeEach, fixture, type IpLink, rejection, run, TestNamespace } from './support.ts';

/** What each open file of the process is: 'net:[…]', 'socket:[…]', a path. */
function openFiles(): Map<number, string> {
  const files = new Map<number, string>();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      files.set(Number(fd), readlinkSync(`/proc/self/fd/${fd}`));
    } catch (error) {
      // The directory's own descriptor is gone by now.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return files;
}

function countSockets(): number {
  const files = [...openFiles().values()];
  return files.filter(file => file.startsWith('socket:') || file.startsWith('net:')).length;
}

async function failure(promise: Promise<unknown>): Promise<NetlinkError> {
  const error = await rejection(promise);
  expect(error).to.be.instanceOf(NetlinkError);
  return error as NetlinkError;
}

describeEach('netlink: failures', test => {
  it('stops at the first failure and says which operation, what it was about, and what the kernel said', async () => {
    const namespace = test.namespace();
    const bridge = { op: 'link.add', kind: 'bridge', name: 'br0' } as const;
    const error = await failure(
      test.netlink.run(namespace.path, [bridge, bridge, { op: 'link.add', kind: 'bridge', name: 'br1' }]),
    );
    expect(error).to.include({ index: 1, operation: 'link.add', code: 'EEXIST', errno: 17, target: 'br0' });
    expect(error.netns).to.equal(namespace.path);
    expect(error.message).to.contain('link.add br0').and.to.contain(namespace.path).and.to.contain('EEXIST');
    const links = await test.netlink.one(namespace.path, { op: 'link.list' });
    expect(links.map(link => link.name)).to.deep.equal(['lo', 'br0']);
  });

  const missing: readonly [Op, string][] = [
    [{ op: 'link.get', dev: 'none' }, 'ENODEV'],
    [{ op: 'link.get', dev: 9999 }, 'ENODEV'],
    [{ op: 'link.set', dev: 'none', up: true }, 'ENODEV'],
    [{ op: 'link.del', dev: 9999 }, 'ENODEV'],
    [{ op: 'link.delGroup', group: 9 }, 'ENODEV'],
    [{ op: 'link.del', dev: 'lo' }, 'EOPNOTSUPP'],
    [{ op: 'address.add', dev: 'none', address: '10.0.0.1/8' }, 'ENODEV'],
    [{ op: 'address.add', dev: 9999, address: '10.0.0.1/8' }, 'ENODEV'],
    [{ op: 'route.del', dst: '10.0.0.0/8', table: 500 }, 'ESRCH'],
    [{ op: 'route.add', dst: '10.0.0.0/8', gateway: '192.0.2.1' }, 'ENETUNREACH'],
    [{ op: 'rule.del', from: '10.0.0.0/8', priority: 5 }, 'ENOENT'],
    [{ op: 'sysctl.get', key: 'ipv4/conf/none/rp_filter' }, 'ENOENT'],
    [{ op: 'sysctl.set', key: 'ipv4/conf/lo/rp_filter', value: 'x' }, 'EINVAL'],
    [{ op: 'link.add', kind: 'bridge', name: 'b', targetNetns: '/run/netns/nltest-none' }, 'ENOENT'],
  ];
  for (const [op, code] of missing) {
    it(`says ${code} of ${JSON.stringify(op)}, unless told to ignore it`, async () => {
      const namespace = test.namespace();
      const error = await failure(test.netlink.run(namespace.path, [{ op: 'link.list' }, op]));
      expect(error).to.include({ index: 1, code, operation: op.op, namespaceGone: false });
      const [result] = await test.netlink.run(namespace.path, [{ ...op, ignore: [error.code] }]);
      if (result !== null) expect(result).to.have.nested.property('failure.code', code);
      expect(result === null).to.equal(op.op.endsWith('.get'));
    });
  }

  const invalid: readonly Op[] = [
    { op: 'address.add', dev: 'lo', address: '10.0.0.1' },
    { op: 'address.add', dev: 'lo', address: '10.0.0.1/33' },
    { op: 'route.add', dst: '10.0.0/8' },
    { op: 'route.add', dst: 'fd00::/8', src: '10.0.0.1' },
    { op: 'link.set', dev: 'lo', mac: '00:00:zz:00:00:00' },
    { op: 'link.del', dev: 0 },
    { op: 'link.delGroup', group: 0 },
    { op: 'link.get', dev: '' },
    { op: 'sysctl.set', key: 'ipv4/../../kernel/hostname', value: 'x' },
  ];
  for (const op of invalid) {
    it(`refuses ${JSON.stringify(op)} in words`, async () => {
      const namespace = test.namespace();
      const error = await failure(test.netlink.run(namespace.path, [op]));
      expect(error).to.include({ index: 0, code: 'EINVAL' });
      expect(error.kernelText).to.match(/ is not |of one family|too long a prefix/);
    });
  }

  it('does what is packed before a failure, also before one that is found while packing', async () => {
    const namespace = test.namespace();
    const error = await failure(
      test.netlink.run(namespace.path, [
        { op: 'route.add', dst: '10.1.0.0/16', type: 'blackhole' },
        { op: 'route.add', dst: '10.2.0.0/16', type: 'blackhole' },
        { op: 'route.add', dst: 'nonsense' },
      ]),
    );
    expect(error).to.include({ index: 2, code: 'EINVAL', target: 'nonsense' });
    expect(await test.netlink.one(namespace.path, { op: 'route.list', table: 254, family: 4 })).to.have.length(2);
  });

  it('distinguishes a namespace that has vanished from other failures', async () => {
    const gone = new TestNamespace();
    gone[Symbol.dispose]();
    const error = await failure(test.netlink.run(gone.path, [{ op: 'link.list' }]));
    expect(error).to.include({ index: -1, operation: 'netns.enter', code: 'ENOENT', namespaceGone: true });
    expect(namespaceExists(gone.path)).to.equal(false);

    const directory = mkdtempSync(join(tmpdir(), 'nltest-'));
    try {
      // What `ip netns` leaves behind where its mount is gone.
      const path = join(directory, 'leftover');
      writeFileSync(path, '');
      const leftover = await failure(test.netlink.run(path, []));
      expect(leftover).to.include({ operation: 'netns.enter', code: 'EINVAL', namespaceGone: true });
      expect(namespaceExists(path)).to.equal(false);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('knows namespaces apart', () => {
    const [one, other] = [test.namespace(), test.namespace()];
    expect(namespaceExists(one.path)).to.equal(true);
    expect(sameNamespace(one.path, other.path)).to.equal(false);
    expect(sameNamespace(one.path, one.path)).to.equal(true);
    expect(sameNamespace(ownNamespace, '/proc/self/ns/net')).to.equal(true);
  });

  it('says EPERM without the privileges', function () {
    const script = `
      import { openNetlink } from ${JSON.stringify(new URL('../../agent/netlink/open.ts', import.meta.url).href)};
      await using netlink = await openNetlink('${test.backend}');
      const links = await netlink.one(null, { op: 'link.list' });
      const error = await netlink.run(null, [{ op: 'link.set', dev: 'lo', up: true }]).catch(error => error);
      console.log(JSON.stringify([links.length > 0, error.code, error.index]));`;
    const command = [process.execPath, '--input-type=module', '-e', script];
    const text = run('setpriv', ['--bounding-set=-all', '--inh-caps=-all', '--securebits=+noroot', ...command]);
    expect(JSON.parse(text)).to.deep.equal([true, 'EPERM', 0]);
  });

  it('closes every socket and namespace that it opened', async () => {
    const namespace = test.namespace();
    const move = { op: 'link.set', dev: 'lo', netns: ownNamespace, ignore: ['EINVAL'] } as const;
    const before = countSockets();
    {
      await using netlink = await openNetlink(test.backend);
      for (let round = 0; round < 20; round += 1) {
        await netlink.run(namespace.path, [{ op: 'link.list' }, move]);
        await netlink.run(null, [{ op: 'link.list' }]);
        await rejection(netlink.run(namespace.path, [{ op: 'link.get', dev: 'none' }]));
      }
      const monitor = await netlink.monitor(namespace.path, ['link']);
      monitor.stop();
      await netlink.monitor(namespace.path, ['link']);
      await netlink.run(null, []);
    }
    expect(countSockets()).to.equal(before);
  });

  it('stops between pieces when the signal says so, and runs nothing for one that has', async () => {
    const namespace = test.namespace();
    const reason = new Error('no longer wanted');
    const aborted = await rejection(
      test.netlink.run(namespace.path, [{ op: 'link.add', kind: 'bridge', name: 'br0' }], {
        signal: AbortSignal.abort(reason),
      }),
    );
    expect(aborted).to.equal(reason);
    const controller = new AbortController();
    const running = test.netlink.run(
      namespace.path,
      Array.from({ length: 100_000 }, (_, at) => ({
        op: 'route.add' as const,
        dst: `${10 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}.0/24`,
        type: 'blackhole' as const,
      })),
      { signal: controller.signal },
    );
    controller.abort(reason);
    expect(await rejection(running)).to.equal(reason);
    const routes = await test.netlink.one(namespace.path, { op: 'route.list', table: 254 });
    expect(routes.length).to.be.lessThan(100_000);
    expect(await test.netlink.one(namespace.path, { op: 'link.list' })).to.have.length(1);
  });

  it('does batches of one namespace in the order of the calls, and those of another beside them', async () => {
    const [namespace, other] = [test.namespace(), test.namespace()];
    const ended: string[] = [];
    const batch = async (name: string, { path }: TestNamespace, ops: readonly Op[]): Promise<void> => {
      await test.netlink.run(path, ops);
      ended.push(name);
    };
    const routes = Array.from({ length: 20_000 }, (_, at): Op => {
      return { op: 'route.add', dst: `10.${at >> 8}.${at & 255}.0/24`, type: 'blackhole' };
    });
    await Promise.all([
      batch('long', namespace, routes),
      batch('behind it', namespace, [{ op: 'route.del', dst: '10.78.31.0/24', type: 'blackhole' }]),
      batch('beside it', other, [{ op: 'link.set', dev: 'lo', up: true }]),
    ]);
    expect(ended).to.deep.equal(['beside it', 'long', 'behind it']);
  });

  it('does nothing any more once it is closed, and ends its listeners', async () => {
    const namespace = test.namespace();
    const monitor = await test.netlink.monitor(namespace.path, ['link']);
    const next = rejection(monitor[Symbol.asyncIterator]().next());
    const running = test.netlink.one(namespace.path, { op: 'link.list' });
    await test.netlink.close();
    expect(await running).to.have.length(1);
    expect(await next).to.be.instanceOf(NetlinkEndedError);
    expect(await rejection(test.netlink.run(namespace.path, []))).to.be.instanceOf(NetlinkEndedError);
    expect(await rejection(test.netlink.monitor(namespace.path, []))).to.be.instanceOf(NetlinkEndedError);
  });
});

describe('netlink: the way back from a namespace (koffi)', () => {
  const test = fixture('koffi');

  it('is the only one: without it the process ends, before it does to that namespace what is meant for its own', () => {
    const namespace = test.namespace();
    const modules = new URL('../../agent/netlink/', import.meta.url).href;
    const script = `
      import { openSync } from 'node:fs';
      import { KoffiNetlink } from '${modules}koffiNetlink.ts';
      import * as libc from '${modules}libc.ts';
      const home = openSync('/');
      libc.close(home);
      const netlink = new KoffiNetlink();
      // The way back has taken the lowest number that was free. A socket in its place, so that the number means no namespace.
      libc.close(home);
      if (libc.socket(libc.AF_NETLINK, libc.SOCK_RAW_CLOEXEC, libc.NETLINK_ROUTE) !== home) throw new Error('not the way back');
      const set = { op: 'link.set', dev: 'lo', mtu: 1400 };
      netlink.run(${JSON.stringify(namespace.path)}, [{ op: 'link.list' }]).finally(() => netlink.run(null, [set]));`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(stderr).to.match(/^cannot return to the network namespace of the process: .*setns/);
    expect(status).to.equal(1);
    expect(namespace.json<IpLink>('link')[0]).to.have.property('mtu', 65_536);
  });
});
