import { expect } from 'chai';
import { annotation } from '../../core/api/names.ts';
import { type ClusterNode, idlePodSpec } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { type MultusCluster, runPod, startMultusCluster } from './cluster.ts';
import { callsFor, variable } from './recorder.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import type { AttachmentStatus } from './statuses.ts';

const multus = process.env.MULTUS_BIN ?? '';
const skipped = 'skipped: MULTUS_BIN names no executable; what Multus calls is replayed from recordings instead';

interface PodView {
  metadata: { namespace: string; name: string; annotations: Record<string, string> };
  spec: { nodeName: string };
}

type Status = AttachmentStatus & { name: string; default?: boolean };

describe('beside a real Multus', function () {
  this.timeout(400_000);
  let running: MultusCluster;
  const started: Scenario[] = [];

  before(async function () {
    if (multus === '') {
      console.log(`      ${skipped}`);
      this.test?.parent?.eachTest(test => {
        test.title += ' (covered by recorded calls)';
      });
      return this.skip();
    }
    this.timeout(600_000);
    running = await startMultusCluster(multus, 2);
  });
  after(() => running?.cluster.stop());

  it('a Deployment in a labelled namespace gets its networks, and each pod reaches each other over every NIC', async () => {
    const template = {
      metadata: { labels: { app: 'workers' }, annotations: { [annotation.networks]: 'train,store' } },
      spec: { ...idlePodSpec, topologySpreadConstraints: spread },
    };
    const spec = { replicas: 4, selector: { matchLabels: { app: 'workers' } }, template };
    await apply({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'workers', namespace: 'default' },
      spec,
    });
    await kubectl('rollout', 'status', 'deployment/workers', '--timeout=300s');
    const pods = await podsOf('default');
    expect(new Set(pods.map(({ spec: { nodeName } }) => nodeName)).size).to.equal(2);
    expect(new Set(pods.flatMap(addressesOf)).size).to.equal(4 * 4);
    for (const pod of pods) {
      expect(ours(pod).map(status => status.interface)).to.deep.equal(['net1-0', 'net1-1', 'net2-0', 'net2-1']);
      await expectOnInterfaces(pod);
    }
    for (const from of pods) for (const to of pods) if (from !== to) await ping(from, to);
  });

  for (const scenario of scenarios) {
    it(`${scenario.name}: ${scenario.selection}`, async () => {
      started.push(scenario);
      await runPod(running.cluster, scenario);
      const pod = await podOf(scenario.namespace, scenario.name);
      await expectOnInterfaces(pod);
    });
  }

  it('no call was refused by us', async () => {
    const { items } = JSON.parse(await kubectl('get', 'events', '-A', '-o', 'json')) as { items: WarningEvent[] };
    const failures = items.filter(({ reason }) => reason === 'FailedCreatePodSandBox' || reason === 'FailedKillPod');
    expect(failures.map(({ message }) => message).filter(message => message.includes('MNN_'))).to.deep.equal([]);
  });

  it('what is attached survives the agent, and is given back when the pods are gone', async () => {
    for (const agent of running.system.agents.values()) await agent.restart();
    for (const pod of await podsOf('default')) await expectOnInterfaces(pod);
    await kubectl('delete', 'deployment', 'workers', '--wait=true', '--ignore-not-found');
    for (const { namespace, name } of started) await kubectl('delete', 'pod', '-n', namespace, name, '--wait=false');
    await eventually(
      'every address is free',
      async () => {
        const pools = JSON.parse(await kubectl('get', 'ipp', '-o', 'json')) as {
          items: { status?: { used?: number } }[];
        };
        expect(pools.items).not.to.deep.equal([]);
        expect(pools.items.map(({ status }) => status?.used)).to.deep.equal(pools.items.map(() => 0));
        return true;
      },
      180_000,
    );
    const dels = running.cluster.nodes.flatMap((node: ClusterNode) =>
      started.flatMap(scenario => callsFor(node, scenario).filter(call => variable(call, 'CNI_COMMAND') === 'DEL')),
    );
    expect(dels.length).to.be.at.least(started.length);
    for (const node of running.cluster.nodes) {
      const { stdout } = await node.exec(['ip', '-br', 'link']);
      expect(stdout).not.to.match(/^mnp/m);
    }
  });

  async function kubectl(...args: string[]): Promise<string> {
    return (await running.cluster.kubectl(args)).stdout;
  }

  async function apply(object: object): Promise<void> {
    await running.cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  }

  async function podsOf(namespace: string): Promise<PodView[]> {
    const text = await kubectl('get', 'pods', '-n', namespace, '-l', 'app=workers', '-o', 'json');
    return (JSON.parse(text) as { items: PodView[] }).items;
  }

  async function podOf(namespace: string, name: string): Promise<PodView> {
    return JSON.parse(await kubectl('get', 'pod', '-n', namespace, name, '-o', 'json')) as PodView;
  }

  async function inPod({ metadata: { namespace, name } }: PodView, command: string): Promise<string> {
    return kubectl('exec', '-n', namespace, name, '--', '/bin/busybox', 'sh', '-c', `busybox ${command}`);
  }

  /** What Multus wrote of the pod's attachments is what its interfaces have. */
  async function expectOnInterfaces(pod: PodView): Promise<void> {
    expect(ours(pod)).not.to.deep.equal([]);
    for (const { interface: name, ips, mac } of ours(pod)) {
      const shown = await inPod(pod, `ip addr show dev ${name}`);
      expect(shown).to.contain(mac);
      expect(ips.length, name).to.equal(1);
      for (const ip of ips) expect(shown).to.contain(`inet ${ip}/`);
    }
  }

  async function ping(from: PodView, to: PodView): Promise<void> {
    for (const { interface: name, ips } of ours(to)) {
      await eventually(`${from.metadata.name} reaches ${ips.join()}`, async () =>
        (await inPod(from, `ping -c 1 -W 2 -I ${name} ${ips[0]}`)).includes('1 packets received'),
      );
    }
  }
});

interface WarningEvent {
  readonly reason: string;
  readonly message: string;
}

const spread = [
  {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: { app: 'workers' } },
  },
];

/** The pod's attachments, as Multus wrote them. */
function ours({ metadata }: PodView): Status[] {
  const all = JSON.parse(metadata.annotations[annotation.networkStatus] ?? '[]') as Status[];
  return all.filter(status => status.default !== true);
}

function addressesOf(pod: PodView): string[] {
  return ours(pod).flatMap(({ ips }) => ips);
}
