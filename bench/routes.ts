import { KoffiNetlink } from '../agent/netlink/koffiNetlink.ts';
import type { Netlink } from '../agent/netlink/netlink.ts';
import type { RouteChange } from '../agent/netlink/types.ts';
import { preferMemory } from '../agent/preferMemory.ts';
import { RouteProgrammer } from '../agent/routes/routeProgrammer.ts';
import { failureMessage } from '../core/status/routesProgrammed.ts';
import type { Namespace } from '../test/agent/namespaces.ts';
import { type Reporter, runBenchmark } from './frame.ts';
import { hostAddress, hostName, type LargeCluster, largeCluster, newHost } from './support/largeCluster.ts';
import { enterOwnNamespace } from './support/ownNamespace.ts';
import { PlannedCluster } from './support/plannedView.ts';
import { RawRoutes } from './support/rawRoutes.ts';
import { alternate, median, timed } from './support/samples.ts';

const nics = 8;
const rounds = 3;
const changeRounds = 64;
const goal = { of: 'ratio', atMost: 2 } as const;
const against = 'raw netlink';

/** Routes to a host with index `index`, in a table that is not the agent's. */
function routesTo(
  index: number,
  devices: readonly number[],
): Required<Pick<RouteChange, 'dst' | 'gateway' | 'dev' | 'metric'>>[] {
  return devices.map((dev, n) => ({
    dst: `${10}.${32 * n + (index >> 8)}.${index & 255}.0/24`,
    gateway: hostAddress(index, n),
    dev,
    metric: index + 1,
  }));
}

function rawChanges(op: 'route.replace' | 'route.del', indexes: readonly number[], devices: readonly number[]) {
  return indexes.flatMap(index =>
    routesTo(index, devices).map((route): RouteChange => ({ op, table: 7777, protocol: 78, ...route })),
  );
}

function plugIn(namespace: Namespace): void {
  for (let n = 0; n < nics; n++) {
    namespace.ip('link', 'add', `eth${n + 1}`, 'type', 'veth', 'peer', 'name', `peer${n + 1}`);
    namespace.ip('link', 'set', `peer${n + 1}`, 'up');
    namespace.ip('link', 'set', `eth${n + 1}`, 'up');
    namespace.ip('address', 'add', `${hostAddress(0, n)}/16`, 'dev', `eth${n + 1}`);
  }
}

/** One agent with what it knows. */
class Subject {
  readonly #cluster = new PlannedCluster();
  readonly #programmer: RouteProgrammer;

  constructor(netlink: Netlink, { network, hosts, pages }: LargeCluster) {
    this.#programmer = new RouteProgrammer(netlink, this.#cluster.view, hostName(0));
    this.#cluster.setNetwork(network);
    this.change({ hosts, pages });
  }

  change({ hosts, pages }: Pick<LargeCluster, 'hosts' | 'pages'>): void {
    for (const host of hosts) this.#cluster.setHost(host);
    for (const page of pages) this.#cluster.setPage(page);
  }

  /** What the agent does when something has changed. */
  async pass(expected: number): Promise<void> {
    const { changes, failures } = await this.#programmer.pass();
    if (changes !== expected || failures.length > 0) {
      throw new Error(`${changes} changes, not ${expected}; failures: ${failureMessage(failures)}`);
    }
  }
}

/** Milliseconds of one more host, with at least `known` others known: another one each time, as in the life of a cluster. */
async function oneMoreHost(netlink: Netlink, known: number): Promise<number[]> {
  const subject = new Subject(netlink, largeCluster(known, nics));
  await subject.pass((known - 1) * nics + 1);
  const samples: number[] = [];
  for (let index = known; index < known + changeRounds; index++) {
    const change = newHost(index, nics);
    const ms = await timed(() => {
      subject.change(change);
      return subject.pass(nics);
    });
    samples.push(ms);
  }
  return samples;
}

async function run(report: Reporter): Promise<void> {
  using namespace = enterOwnNamespace('routes');
  plugIn(namespace);
  await using netlink = new KoffiNetlink();
  const links = await netlink.one(null, { op: 'link.list' });
  const devices = Array.from({ length: nics }, (_, n) => links.find(({ name }) => name === `eth${n + 1}`)?.index ?? 0);
  const clear = (): void => {
    namespace.ip('rule', 'flush', 'protocol', '77');
    // Routes go with their link; faster than one after another.
    for (let n = 1; n <= nics; n++) namespace.ip('link', 'set', `eth${n}`, 'down');
    for (let n = 1; n <= nics; n++) namespace.ip('link', 'set', `eth${n}`, 'up');
  };

  const hosts = 5001;
  const indexes = Array.from({ length: hosts - 1 }, (_, i) => i + 1);
  const cluster = largeCluster(hosts, nics);
  using raw = new RawRoutes(rawChanges('route.replace', indexes, devices));
  const fresh = async (sample: () => Promise<number>): Promise<number> => {
    clear();
    return sample();
  };
  const cpu = { ours: [] as number[], raw: [] as number[], terse: [] as number[] };
  using least = new RawRoutes(rawChanges('route.replace', indexes, devices));
  const measured = (name: keyof typeof cpu, work: () => Promise<void> | void): Promise<number> =>
    fresh(async () => {
      const before = process.cpuUsage();
      const ms = await timed(work);
      const { user, system } = process.cpuUsage(before);
      cpu[name].push((user + system) / 1000);
      return ms;
    });
  const all = await alternate(
    rounds,
    {
      ours: () => {
        const subject = new Subject(netlink, cluster);
        return measured('ours', () => subject.pass((hosts - 1) * nics + 1));
      },
      raw: () => measured('raw', () => raw.send()),
      terse: () => measured('terse', () => least.sendTersely()),
    },
    0,
  );
  const row = { unit: 'ms', against, goal };
  report('40,000 routes from nothing', { ...row, value: median(all.ours), baseline: median(all.raw) });
  report('40,000 routes from nothing, CPU', { ...row, value: median(cpu.ours), baseline: median(cpu.raw) });
  report('the same, against the least', {
    ...{ value: median(all.ours), unit: 'ms', baseline: median(all.terse) },
    against: 'raw, one acknowledgement a send',
  });

  clear();
  using add = new RawRoutes(rawChanges('route.replace', [hosts], devices));
  using remove = new RawRoutes(rawChanges('route.del', [hosts], devices));
  const rawOne: number[] = [];
  for (let round = 0; round < changeRounds; round++) {
    rawOne.push(await timed(() => add.send()));
    remove.send();
  }
  const layerOne: number[] = [];
  for (let round = 0; round < changeRounds; round++) {
    layerOne.push(await timed(() => netlink.runAll(null, rawChanges('route.replace', [hosts], devices))));
    remove.send();
  }
  const few = median(await oneMoreHost(netlink, 100));
  clear();
  const many = median(await oneMoreHost(netlink, hosts));
  const one = { unit: 'ms', value: many, goal };
  report('one more host of 8 NICs, 5,000 known', { ...one, baseline: median(rawOne), against });
  report('the same, against the netlink layer alone', {
    ...{ ...one, baseline: median(layerOne) },
    against: 'the same changes, handed to the netlink layer',
  });
  report('the same, against a small cluster', { ...one, baseline: few, against: '100 known' });
}

preferMemory();
await runBenchmark({
  name: 'routes',
  about: "L3 routes as the agent's own path derives and programs them, against raw netlink sends",
  limitSeconds: 300,
  run,
});
