import { expect } from 'chai';
import type { MultiNicNetworkSpec } from '../../core/api/types.ts';
import { hostInterfaces, multiNicNetworks } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { suiteNeedsKinds } from '../netlink/support.ts';
import { Fabric, leafAddress, railAddress, railNet } from './fabric.ts';
import { testTimeoutMs } from './inside.ts';
import type { Namespace } from './namespaces.ts';
import { kernelKindOf, nameOf, type NetworkCase, networkSpec } from './networks.ts';
import { multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

const rails = 3;
const numbers = Array.from({ length: rails }, (_, i) => i + 1);
const masterNets = numbers.map(railNet);
const pings = 10;
const pingBytes = 1000;

const moving: MultiNicNetworkSpec = {
  masterNets,
  ipam: '{"type": "host-device-ipam"}',
  plugin: { cniVersion: '1.0.0', type: 'host-device' },
};
const routedCases: readonly NetworkCase[] = [
  { type: 'ptp', vlanMode: 'l3' },
  { type: 'ipvlan', mode: 'l3', vlanMode: 'l3' },
];

describe('agent: a fabric that routes to every NIC', function () {
  this.timeout(testTimeoutMs);
  let site: Site;
  let fabric: Fabric;

  before(async function () {
    site = await Site.start({ hosts: 2, nics: rails, agentOptions: ['--probe-interval', '0.4'] });
    fabric = await Fabric.replace(site, rails);
    await site.addNetwork('stays', { ...networkSpec({ type: 'ptp', vlanMode: 'l3' }, 239), masterNets });
  });
  after(async () => {
    fabric?.[Symbol.dispose]();
    await site?.[Symbol.asyncDispose]();
  });

  /** Which rails carried the pings from the first host. */
  function carrying(from: Namespace, source: string, target: string): boolean[] {
    const before = fabric.octets(1);
    from.exec('ping', '-q', '-I', source, '-c', `${pings}`, '-i', '0.02', '-W', '2', '-s', `${pingBytes}`, target);
    return fabric.octets(1).map((octets, i) => octets - before[i]! >= pings * pingBytes);
  }

  function expectOwnRails(from: Namespace, sources: readonly string[], targets: readonly string[]): void {
    for (const [i, source] of sources.entries()) {
      for (const target of targets) {
        expect(carrying(from, source, target), `from ${source} to ${target}`).to.deep.equal(
          sources.map((_, rail) => rail === i),
        );
      }
    }
  }

  it('asks the NICs of the same rail on other hosts for answers, and none without a route there', async () => {
    const [host] = site.hosts;
    const condition = async (): Promise<string | undefined> => {
      const { status } = await site.client.get(hostInterfaces, { name: host!.nodeName });
      const found = status?.conditions?.find(({ type }) => type === 'PeersReachable');
      return found && `${found.status} ${found.message}`;
    };
    const isTold = (pattern: RegExp) => async (): Promise<boolean> => pattern.test((await condition()) ?? '');
    await eventually('all answer', isTold(/^True/));
    const leaf = fabric.leaves[1]!;
    leaf.ip('route', 'add', 'blackhole', `${railAddress(2, 2)}/32`);
    await eventually('one rail is broken', isTold(/^False .*eth2 gets no answer in 10\.2\.0\.0\/16 from host-2/));
    host!.namespace.ip('route', 'del', railNet(2));
    await eventually('nobody is asked there', isTold(/^True/));
    leaf.ip('route', 'del', 'blackhole', `${railAddress(2, 2)}/32`);
    host!.namespace.ip('route', 'add', railNet(2), 'via', leafAddress(2, 1));
  });

  describe('NICs that move into pods', () => {
    // Not earlier: such NICs are not asked for answers.
    before(() => site.addNetwork('moving', moving));

    it('gives a pod the NICs of the host with their addresses, and from each of these it reaches all rails by its own', async () => {
      const config = await multusConfig(site, 'moving');
      using one = await Sandbox.make(site, site.hosts[0]!, 'one');
      using other = await Sandbox.make(site, site.hosts[1]!, 'other');
      const result = await one.add(config);
      const addresses = (host: number): string[] => numbers.map(rail => railAddress(rail, host));
      expect(result.ips.map(({ address, gateway }) => [address, gateway])).to.deep.equal(
        numbers.map(rail => [`${railAddress(rail, 1)}/31`, leafAddress(rail, 1)]),
      );
      expect(result.routes).to.deep.equal(numbers.map(rail => ({ dst: railNet(rail), gw: leafAddress(rail, 1) })));
      await other.add(config);
      expectOwnRails(one.namespace, addresses(1), addresses(2));
      const checked = await one.check(config, result);
      expect(checked, checked.stdout).to.include({ exitCode: 0 });
      await one.del(config);
      await other.del(config);
      expect(site.hosts[0]!.namespace.ip('rule'), 'nothing is left on the host').not.to.contain(railAddress(1, 1));
      await site.removePod('one');
      await site.removePod('other');
    });

    it('has the way to all rails by those that a pod got', async () => {
      using one = await Sandbox.make(site, site.hosts[0]!, 'single');
      using other = await Sandbox.make(site, site.hosts[1]!, 'all');
      const [single, all] = [
        await multusConfig(site, 'moving', { cniArgs: { masters: ['eth2'] } }),
        await multusConfig(site, 'moving'),
      ];
      await one.add(single);
      await other.add(all);
      for (const rail of numbers) {
        const carried = carrying(one.namespace, railAddress(2, 1), railAddress(rail, 2));
        expect(carried, `to rail ${rail}`).to.deep.equal([false, true, false]);
      }
      await one.del(single);
      await other.del(all);
      await site.removePod('single');
      await site.removePod('all');
    });

    it('has the way by IPv6, too, though the kernel still looks for duplicates of the addresses', async () => {
      const [host] = site.hosts;
      const pair = (rail: number, n: number): string => `fd00:${rail}::${n}/127`;
      const behindLeaf = (rail: number): string => `fd00:${rail}:0:9::1`;
      for (const rail of numbers) {
        fabric.leaves[rail - 1]!.batch([
          'link set lo up',
          `address add ${behindLeaf(rail)}/128 dev lo`,
          `address add ${pair(rail, 2)} dev h1n${rail} nodad`,
        ]);
        host!.namespace.ip('address', 'add', pair(rail, 3), 'dev', `eth${rail}`, 'nodad');
      }
      await eventually('the addresses are known', async () => {
        const { spec } = await site.client.get(hostInterfaces, { name: host!.nodeName });
        const known = JSON.stringify(spec.interfaces);
        return numbers.every(rail => known.includes(`"fd00:${rail}::3"`));
      });
      const rails6 = numbers.map(rail => `fd00:${rail}::/48`);
      await site.addNetwork('moving-6', { ...moving, masterNets: rails6 });
      const config = await multusConfig(site, 'moving-6');
      using sandbox = await Sandbox.make(site, host!, 'six');
      const result = await sandbox.add(config);
      for (const rail of numbers) {
        await eventually(`rail ${rail}`, () =>
          sandbox.namespace.exec('ping', '-c', '1', '-W', '1', '-I', `fd00:${rail}::3`, behindLeaf(rail)),
        );
      }
      const checked = await sandbox.check(config, result);
      expect(checked, checked.stdout).to.include({ exitCode: 0 });
      await sandbox.del(config);
      await site.removePod('six');
      for (const rail of numbers) host!.namespace.ip('address', 'del', pair(rail, 3), 'dev', `eth${rail}`);
    });

    it('leaves by the rail of the target where a pod selects the network twice, whichever came first', async () => {
      using one = await Sandbox.make(site, site.hosts[0]!, 'twice');
      using other = await Sandbox.make(site, site.hosts[1]!, 'all-again');
      for (const { namespace } of [one, other]) namespace.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1');
      const [first, second] = await Promise.all(
        ['eth1', 'eth3'].map(nic => multusConfig(site, 'moving', { cniArgs: { masters: [nic] } })),
      );
      const all = await multusConfig(site, 'moving');
      await one.add(first!);
      await one.add(second!, 'net2');
      await other.add(all);
      for (const [target, by] of [
        [1, 1],
        [3, 3],
      ] as const) {
        const lookup = one.namespace.ip('-j', 'route', 'get', railAddress(target, 2));
        expect((JSON.parse(lookup) as { readonly prefsrc: string }[])[0]?.prefsrc).to.equal(railAddress(by, 1));
      }
      for (const rail of [1, 3]) {
        for (const target of numbers) {
          const carried = carrying(one.namespace, railAddress(rail, 1), railAddress(target, 2));
          expect(carried, `from ${rail} to ${target}`).to.deep.equal(numbers.map(each => each === rail));
        }
      }
      await one.call('DEL', second!, { ifname: 'net2' });
      await one.del(first!);
      await other.del(all);
      await site.removePod('twice');
      await site.removePod('all-again');
    });
  });

  for (const [i, network] of routedCases.entries()) {
    const name = nameOf(network);
    const octet = 240 + i;

    describe(name, () => {
      before(function () {
        suiteNeedsKinds(this, kernelKindOf(network));
      });

      /** A host's blocks, rail by rail, as a routing daemon finds them among the kernel's routes. */
      function announced(host: number): Promise<string[]> {
        const { namespace, nodeName } = site.hosts[host - 1]!;
        return eventually(`the blocks of ${nodeName}`, () => {
          const lines = namespace.ip('-j', 'route', 'show', 'type', 'blackhole', 'proto', '77');
          const found = (JSON.parse(lines) as { readonly dst: string }[]).map(({ dst }) => dst);
          const own = found.filter(dst => dst.startsWith(`10.${octet}.`));
          return own.length === rails ? own : undefined;
        });
      }

      it('is routed to other hosts by the leaf of each rail, and shows its own blocks to routing daemons', async () => {
        await site.addNetwork(name, { ...networkSpec(network, octet), masterNets });
        // A /16 with 3 bits for rails and 7 for hosts: /26 a rail and host.
        const blocks = [1, 2].map(host => numbers.map(rail => `10.${octet}.${32 * (rail - 1)}.${64 * (host - 1)}/26`));
        for (const [h, own] of blocks.entries()) {
          expect(await announced(h + 1)).to.have.members(own);
          for (const [r, block] of own.entries()) fabric.announce(r + 1, h + 1, block);
        }
        const routes = await eventually('the routes', () => {
          const found = site.hosts[0]!.ownRoutes().filter(line => line.startsWith(`10.${octet}.`));
          return found.length === rails ? found : undefined;
        });
        for (const rail of numbers) {
          const [, block] = blocks.map(own => own[rail - 1]!);
          expect(routes.join('\n')).to.contain(`${block} via ${leafAddress(rail, 1)} dev eth${rail}`);
        }
        site.hosts[0]!.namespace.ip('route', 'flush', 'proto', '77');
        expect(await announced(1), 'after a flush').to.have.members(blocks[0]!);
        const config = await multusConfig(site, name);
        using one = await Sandbox.make(site, site.hosts[0]!, `${name}-one`);
        using other = await Sandbox.make(site, site.hosts[1]!, `${name}-other`);
        const ofPod = async (sandbox: Sandbox): Promise<string[]> =>
          (await sandbox.add(config)).ips.map(({ address }) => address.split('/')[0]!);
        const [own, others] = [await ofPod(one), await ofPod(other)];
        for (const [r, source] of own.entries()) {
          expect(carrying(one.namespace, source, others[r]!), `rail ${r + 1}`).to.deep.equal(
            numbers.map(rail => rail === r + 1),
          );
        }
        const [host] = site.hosts;
        host!.namespace.batch(['link set eth2 down', 'link set eth2 up']);
        await eventually('a rail that flapped is back', () => carrying(one.namespace, own[1]!, others[1]!)[1]);
        for (const sandbox of [one, other]) {
          await sandbox.del(config);
          await site.removePod(sandbox.pod.metadata.name);
        }
        await site.client.delete(multiNicNetworks, { name });
        await eventually('no blocks', () => !host!.namespace.ip('route', 'show').includes(`blackhole 10.${octet}.`));
      });
    });
  }
});
