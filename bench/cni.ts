import { writeFile } from 'node:fs/promises';
import type { Attachment } from '../agent/attach/attachment.ts';
import { planOf } from '../agent/attach/plan.ts';
import { pluginOf } from '../agent/delegate/plugin.ts';
import type { Netlink } from '../agent/netlink/netlink.ts';
import { buildCni } from '../build/buildCni.ts';
import type { AllocatedNic } from '../core/api/types.ts';
import { readNetwork } from '../core/network/network.ts';
import { readPool } from '../core/pool/content.ts';
import { ipPools, multiNicNetworks } from '../kube/api/resources.ts';
import type { Namespace } from '../test/agent/namespaces.ts';
import { type NetworkCase, networkCases, networkSpec } from '../test/agent/networks.ts';
import { multusConfig, Sandbox } from '../test/agent/sandbox.ts';
import { Site } from '../test/agent/site.ts';
import { type Reporter, runBenchmark } from './frame.ts';
import { agentEnvironment } from './support/agentEnvironment.ts';
import { Folder } from './support/folder.ts';
import { type Launch, Launcher } from './support/launcher.ts';
import { netlinkIn } from './support/ownNamespace.ts';
import { ReferencePlugins, type WantedNic } from './support/referencePlugins.ts';
import { alternate, median, timed } from './support/samples.ts';

const nics = 8;
const counts = [1, 2, 4, 8];
const rounds = 15;
const rawGroup = 78;
const burst = 50;
const burstNics = 2;
const burstRounds = 3;
const fasterGoal = { of: 'ratio', atMost: 1 / 20 } as const;
const rawGoal = { of: 'ratio', atMost: 3 } as const;

/** What a benchmark of this file works with. */
interface Bench {
  readonly site: Site;
  readonly folder: Folder;
  readonly executable: string;
  /** In the host's namespace. */
  readonly launcher: Launcher;
  readonly netlink: Netlink;
  readonly reference: ReferencePlugins;
  readonly report: Reporter;
}

/** Our executable's call for a sandbox, as Multus makes it. */
function ours({ site, executable }: Bench, command: 'ADD' | 'DEL', sandbox: Sandbox, input: string): Launch {
  const { containerId, pod, namespace } = sandbox;
  const { name, uid = '' } = pod.metadata;
  return {
    argv: [executable],
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: namespace.path,
      CNI_IFNAME: 'net1',
      CNI_ARGS: `IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name};K8S_POD_UID=${uid}`,
      CNI_PATH: '/opt/cni/bin',
      MULTI_NIC_SOCKET: site.hosts[0]!.socket,
    },
    input,
    output: `${input}.${command}.out`,
  };
}

/** The NICs that the agent gave to a pod. */
async function recorded({ site }: Bench, network: string, pod: string): Promise<AllocatedNic[]> {
  const pool = await site.client.get(ipPools, { name: `${network}.host-1` });
  return readPool(pool).allocations.find(({ name }) => name === pod)?.nics ?? [];
}

function wantedNics(given: readonly AllocatedNic[]): WantedNic[] {
  return given.map(({ master = '', addresses }, i) => ({ name: `net1-${i}`, master, address: addresses[0] ?? '' }));
}

async function attachmentOf(
  { site }: Bench,
  network: string,
  sandbox: Sandbox,
  wanted: readonly WantedNic[],
): Promise<Attachment> {
  const read = readNetwork(await site.client.get(multiNicNetworks, { name: network }));
  return {
    since: new Date().toISOString(),
    containerId: `raw${sandbox.containerId}`,
    ifname: 'net1',
    callIfname: 'net1',
    configName: network,
    netns: sandbox.namespace.path,
    network,
    plugin: pluginOf(read),
    pod: { uid: sandbox.pod.metadata.uid ?? '', namespace: 'default', name: sandbox.pod.metadata.name },
    nics: wanted.map(({ name, master, address }) => ({ name, master, addresses: [address] })),
    masterNets: read.masterNets,
    routes: read.ipam.routes,
    call: { args: '', path: '' },
    defaultRoute: [],
    defaultFamilies: [],
    dns: {},
  };
}

/** The same links with the netlink layer alone: no process, no decision, no checkpoint. */
function rawAdd({ netlink }: Bench, attachment: Attachment): Promise<number> {
  const plan = planOf(attachment, []);
  return timed(async () => {
    await netlink.run(null, plan.links);
    await netlink.run(attachment.netns, plan.pod);
    await netlink.run(null, plan.host);
  });
}

/** All links in one go, as the agent does it. */
function rawDel({ netlink }: Bench, { netns, nics: links }: Attachment): Promise<number> {
  return timed(() =>
    netlink.run(netns, [
      ...links.map(({ name }) => ({ op: 'link.set' as const, dev: name, group: rawGroup })),
      { op: 'link.delGroup' as const, group: rawGroup },
    ]),
  );
}

async function onePod(bench: Bench, { type }: NetworkCase, count: number): Promise<void> {
  const { site, folder, launcher, reference, report } = bench;
  using sandbox = await Sandbox.make(site, site.hosts[0]!, `${type}-${count}`);
  const config = await multusConfig(site, type, { cniArgs: { nics: count } });
  await sandbox.add(config);
  await sandbox.del(config);
  const wanted = wantedNics(await recorded(bench, type, sandbox.pod.metadata.name));
  if (wanted.length !== count) throw new Error(`${type}: ${wanted.length} NICs, not ${count}`);
  const input = folder.file(`${type}-${count}.json`);
  await writeFile(input, JSON.stringify(config));
  const attachment = await attachmentOf(bench, type, sandbox, wanted);
  const pod = { containerId: `reference${sandbox.containerId}`, netns: sandbox.namespace.path };
  const [referenceAdd, referenceDel] = [
    await reference.calls('ADD', type, pod, wanted),
    (await reference.calls('DEL', type, pod, wanted)).toReversed(),
  ];

  const dels = { ours: [] as number[], reference: [] as number[], raw: [] as number[] };
  const adds = await alternate(rounds, {
    ours: async round => {
      const { ms } = await launcher.run([ours(bench, 'ADD', sandbox, input)]);
      const del = await launcher.run([ours(bench, 'DEL', sandbox, input)]);
      if (round >= 0) dels.ours.push(del.ms);
      return ms;
    },
    reference: async round => {
      const { ms } = await launcher.run(referenceAdd);
      const del = await launcher.run(referenceDel);
      if (round >= 0) dels.reference.push(del.ms);
      return ms;
    },
    raw: async round => {
      const ms = await rawAdd(bench, attachment);
      const del = await rawDel(bench, attachment);
      if (round >= 0) dels.raw.push(del);
      return ms;
    },
  });
  for (const [verb, samples] of [['ADD', adds] as const, ['DEL', dels] as const]) {
    const name = `${type}, ${verb} of ${count} ${count === 1 ? 'NIC' : 'NICs'}`;
    const value = median(samples.ours);
    const against = 'reference plugin, one call per NIC';
    const goal = count === nics && { goal: fasterGoal };
    report(name, { value, unit: 'ms', baseline: median(samples.reference), against, ...goal });
    report(`${name}, its kernel work`, {
      ...{ value, unit: 'ms', baseline: median(samples.raw) },
      ...{ against: 'raw netlink', goal: rawGoal },
    });
  }
}

async function manyPods(bench: Bench, { type }: NetworkCase): Promise<void> {
  const { site, folder, launcher, reference, report } = bench;
  const config = await multusConfig(site, type, { cniArgs: { nics: burstNics } });
  const input = folder.file(`${type}-many.json`);
  await writeFile(input, JSON.stringify(config));
  const sandboxes: Sandbox[] = [];
  try {
    for (let i = 0; i < burst; i++) sandboxes.push(await Sandbox.make(site, site.hosts[0]!, `${type}-many-${i}`));
    const calls = (command: 'ADD' | 'DEL'): Launch[] =>
      sandboxes.map(sandbox => ({ ...ours(bench, command, sandbox, input), output: '/dev/null' }));
    const referenceCalls = async (command: 'ADD' | 'DEL'): Promise<Launch[][]> => {
      const perPod = await Promise.all(
        sandboxes.map(async sandbox => {
          const wanted = wantedNics(await recorded(bench, type, sandbox.pod.metadata.name));
          const pod = { containerId: `reference${sandbox.containerId}`, netns: sandbox.namespace.path };
          return reference.calls(command, type, pod, wanted);
        }),
      );
      return Array.from({ length: burstNics }, (_, i) =>
        perPod.flatMap(calls => ({ ...calls[i]!, output: '/dev/null' })),
      );
    };
    // The first time the agent takes their addresses, through the API server.
    report(`${type}, ${burst} ADDs of ${burstNics} NICs at once, addresses not yet taken`, {
      value: (await launcher.run(calls('ADD'), 'parallel')).ms,
      unit: 'ms',
    });
    await launcher.run(calls('DEL'), 'parallel');
    const [adds, dels] = [await referenceCalls('ADD'), await referenceCalls('DEL')];
    const inSteps = async (steps: readonly Launch[][]): Promise<number> => {
      let ms = 0;
      for (const step of steps) ms += (await launcher.run(step, 'parallel')).ms;
      return ms;
    };
    const taken = { ours: [] as number[], reference: [] as number[] };
    const samples = await alternate(
      burstRounds,
      {
        ours: async () => {
          const { ms } = await launcher.run(calls('ADD'), 'parallel');
          taken.ours.push((await launcher.run(calls('DEL'), 'parallel')).ms);
          return ms;
        },
        reference: async () => {
          const ms = await inSteps(adds);
          taken.reference.push(await inSteps(dels));
          return ms;
        },
      },
      0,
    );
    const against = 'reference plugin, one call per NIC';
    for (const [verb, { ours: value, reference: baseline }] of [['ADD', samples] as const, ['DEL', taken] as const]) {
      report(`${type}, ${burst} ${verb}s of ${burstNics} NICs at once`, {
        value: median(value),
        unit: 'ms',
        baseline: median(baseline),
        against,
      });
    }
  } finally {
    for (const sandbox of sandboxes) sandbox[Symbol.dispose]();
  }
}

function kernelHas(type: string, { namespace }: { namespace: Namespace }): boolean {
  try {
    namespace.ip('link', 'add', 'probe', 'link', 'eth1', 'type', type);
    namespace.ip('link', 'del', 'probe');
    return true;
  } catch {
    return false; // "Unknown device type"
  }
}

async function run(report: Reporter): Promise<void> {
  // For the agents, which inherit it.
  Object.assign(process.env, agentEnvironment());
  await using folder = await Folder.make();
  await using site = await Site.start({ hosts: 1, nics });
  const host = site.hosts[0]!;
  const ipvlan = { type: 'ipvlan', mode: 'l2', vlanMode: 'l2' } as const;
  const everywhere = networkCases.filter(({ type }) => type !== 'ipvlan');
  const cases = [...everywhere, ...(kernelHas('ipvlan', host) ? [ipvlan] : [])];
  for (const [i, network] of cases.entries()) await site.addNetwork(network.type, networkSpec(network, 200 + i));
  await using launcher = await Launcher.start(host.namespace);
  await using netlink = netlinkIn(host.namespace);
  const bench: Bench = {
    ...{ site, folder, launcher, netlink, report },
    executable: await buildCni(),
    reference: await ReferencePlugins.find(folder),
  };
  for (const network of cases) {
    for (const count of counts) await onePod(bench, network, count);
    await manyPods(bench, network);
  }
}

await runBenchmark({
  name: 'cni',
  about:
    "a pod's ADD and DEL as a runtime sees them (executable and agent), against the reference plugins and raw netlink",
  limitSeconds: 600,
  run,
});
