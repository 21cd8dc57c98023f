import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { suiteNeedsKinds } from '../netlink/support.ts';
import { testTimeoutMs } from './inside.ts';
import type { Namespace } from './namespaces.ts';
import { kernelKindOf, nameOf, networkCases, networkSpec } from './networks.ts';
import { multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

const nics = 3;
const pings = 10;
const pingBytes = 1000;
/** What the pings on one NIC come to at least, and far more than what else (ARP, neighbour discovery) may happen on another meanwhile. */
const pingedBytes = pings * pingBytes;

describe('agent: the way of the traffic', function () {
  this.timeout(testTimeoutMs);
  let site: Site;

  before(async function () {
    site = await Site.start({ hosts: 2, nics });
    for (const [i, network] of networkCases.entries()) {
      await site.addNetwork(nameOf(network), networkSpec(network, 220 + i));
    }
  });
  after(() => site[Symbol.asyncDispose]());

  for (const network of networkCases) {
    const name = nameOf(network);
    describe(name, () => {
      before(function () {
        suiteNeedsKinds(this, kernelKindOf(network));
      });

      it('leaves by the NIC of the interface, and comes in by the same NIC of the other host, for every NIC', async () => {
        await using pair = await Pair.attach(site, name);
        for (const i of pair.targets.keys()) {
          await pair.reached(i);
          const before = pair.octets();
          pair.ping(i, '-c', String(pings), '-i', '0.02', '-s', String(pingBytes));
          const after = pair.octets();
          const carried = after.map((octets, at) => octets - (before[at] ?? 0)).map(octets => octets >= pingedBytes);
          const wanted = Array.from({ length: nics }, (_, nic) => nic === i);
          expect(carried, `sent and received by the hosts, net1-${i}`).to.deep.equal([...wanted, ...wanted]);
        }
      });

      it('reaches a pod of the same host', async () => {
        const [host] = site.hosts;
        await using pair = await Pair.attach(site, name, host);
        for (const i of pair.targets.keys()) await pair.reached(i);
      });

      it('goes on while the agent is away, and can be taken away by the next one', async () => {
        const [host] = site.hosts;
        await using pair = await Pair.attach(site, name);
        await pair.reached(0);
        await host!.stopAgent('SIGKILL');
        for (const i of pair.targets.keys()) pair.ping(i, '-c', '1');
        await host!.startAgent();
        for (const i of pair.targets.keys()) pair.ping(i, '-c', '1');
        expect(await pair.left.check(pair.config, pair.result)).to.include({ exitCode: 0, stdout: '' });
      });

      if (network.vlanMode !== 'l2') {
        it('comes back after the routes to the other host were flushed', async () => {
          await using pair = await Pair.attach(site, name);
          for (const i of pair.targets.keys()) await pair.reached(i);
          const { namespace } = site.hosts[0]!;
          const subnet = networkSpec(network, 220 + networkCases.indexOf(network)).subnet ?? '';
          const [, table = ''] = new RegExp(`from ${subnet} lookup (\\d+)`).exec(namespace.ip('rule')) ?? [];
          const routes = (): string => namespace.ip('route', 'show', 'table', table);
          const before = routes();
          expect(before.trim().split('\n')).to.have.length(nics);
          namespace.ip('route', 'flush', 'table', table);
          await eventually('the routes', () => routes() === before);
          for (const i of pair.targets.keys()) pair.ping(i, '-c', '1');
        });
      }
    });
  }
});

/** Two pods of one network with all NICs. */
class Pair implements AsyncDisposable {
  readonly config: object;
  readonly left: Sandbox;
  readonly right: Sandbox;
  readonly result: object;
  /** Addresses of the right pod, in interface order. */
  readonly targets: readonly string[];

  private constructor(parts: Pick<Pair, 'config' | 'left' | 'right' | 'result' | 'targets'>) {
    this.config = parts.config;
    this.left = parts.left;
    this.right = parts.right;
    this.result = parts.result;
    this.targets = parts.targets;
  }

  static async attach(site: Site, network: string, otherHost = site.hosts[1]): Promise<Pair> {
    const config = await multusConfig(site, network, { cniArgs: { nics } });
    const id = `${network}-${counter++}`;
    const left = await Sandbox.make(site, site.hosts[0]!, `${id}-left`);
    const right = await Sandbox.make(site, otherHost!, `${id}-right`);
    const [result, other] = await Promise.all([left.add(config), right.add(config)]);
    const targets = other.ips.map(({ address }) => address.split('/')[0] ?? '');
    return new Pair({ config, left, right, result, targets });
  }

  /** Pings the right pod's i-th address from the left pod, which chooses the way. @throws where any answer is missing */
  ping(i: number, ...args: string[]): void {
    this.left.namespace.exec('ping', '-n', '-q', '-W', '2', ...args, this.targets[i] ?? '');
  }

  /** A new link needs a moment: neighbours have to be found, routes may not be there yet. */
  async reached(i: number): Promise<void> {
    await eventually(`an answer over net1-${i}`, () => {
      this.ping(i, '-c', '1');
      return true;
    });
  }

  /** Octets that the left host's NICs have sent, then those that the right host's have received. */
  octets(): number[] {
    return [...octetsOf(this.left.host.namespace, 'tx'), ...octetsOf(this.right.host.namespace, 'rx')];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sandbox of [this.left, this.right]) {
      await sandbox.del(this.config);
      sandbox[Symbol.dispose]();
    }
  }
}

let counter = 0;

interface LinkCounters {
  readonly ifname: string;
  readonly stats64: Record<'rx' | 'tx', { readonly bytes: number }>;
}

function octetsOf(namespace: Namespace, direction: 'rx' | 'tx'): number[] {
  const links = JSON.parse(namespace.ip('-j', '-s', 'link')) as LinkCounters[];
  return Array.from({ length: nics }, (_, n) => {
    return links.find(({ ifname }) => ifname === `eth${n + 1}`)?.stats64[direction].bytes ?? 0;
  });
}
